"""Random advices of all kinds for many accounts, and a plain model of what they lead to.

The model adds up what was generated, and shares no code with the platform.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from harness.api import purchase
from harness.inbound import (
    LIMIT_CHANGED,
    OPENED,
    PRESENTED,
    RETURNED,
    STATUS_CHANGED,
    SUBMITTED,
    Body,
)
from harness.reference_money import (
    ReferencePresentment,
    ReferencePresentments,
    ReferenceTransaction,
)

BATCHES = "/v1/clearings"
PURCHASES = "/v1/process-transaction"

_TRANSACTIONS = ("t0", "t1", "t2", "t3")
_OF_SENDER = ("reference", "metadata")
_ORIGINAL = ("original_amount", "original_currency")
_OF_PRESENTMENTS = ("merchant", "occurred_at", *_ORIGINAL, *_OF_SENDER)


@dataclass(frozen=True)
class Way:
    """A way to send an advice.

    Attributes:
        to: A topic, a path of the API, or `BATCHES`.
        body: The checked fields.
        describing: The names of the describing fields.
    """

    to: str
    body: Body
    describing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Advice:
    """An advice, or a purchase, and all ways in which it can be sent."""

    account_id: str
    ways: tuple[Way, ...]


@dataclass
class Model:
    """What an account's advices lead to, in any order. Amounts are in minor units."""

    account_id: str
    posted: int = 0
    limits: dict[int, int] = field(default_factory=dict)
    statuses: dict[int, str] = field(default_factory=lambda: {0: "active"})
    payments: dict[str, int] = field(default_factory=dict)
    presentments: ReferencePresentments = field(default_factory=ReferencePresentments)
    transactions: dict[str, ReferenceTransaction] = field(
        default_factory=lambda: {name: ReferenceTransaction() for name in _TRANSACTIONS}
    )

    @property
    def balance(self) -> dict[str, Any]:
        """The fields of a balance response that the advices determine."""
        posted = self.posted + self.presentments.posted
        pending = sum(each.hold for each in self.transactions.values())
        limit = self.limits[max(self.limits)]
        closed = "closed" in self.statuses.values()
        return {
            "status": "closed" if closed else self.statuses[max(self.statuses)],
            "credit_limit": limit,
            "posted": posted,
            "pending": pending,
            "available": limit - posted - pending,
        }


class Generator:
    """Generates the advices of one account, and counts them in its model.

    Args:
        chance: The source of randomness.
        account_id: The account.
        numbers: Numbers for ids, which generators share, since a payment id is for one account.
    """

    def __init__(self, chance: random.Random, account_id: str, numbers: Iterator[int]) -> None:
        self.model = Model(account_id)
        self._chance = chance
        self._numbers = numbers
        self._kinds = {
            self._payment: 4,
            self._return: 2,
            self._presentment: 6,
            self._correction: 3,
            self._refund: 2,
            self._reversal: 2,
            self._limit: 1,
            self._status: 1,
        }

    def advices(self, number: int) -> Iterator[Advice]:
        """Yield the opening, some purchases, and this number of advices in all."""
        yield self._opening()
        for transaction in _TRANSACTIONS[:-1]:  # the last one is never authorized
            body = purchase(transaction, self.model.account_id, self._amount())
            yield self._advice(Way(PURCHASES, body))
        kinds, weights = [*self._kinds], [*self._kinds.values()]
        left = number - 1
        while left:
            (kind,) = self._chance.choices(kinds, weights)
            if (advice := kind()) is not None:
                left -= 1
                yield advice

    def _opening(self) -> Advice:
        self.model.posted += (owed := self._chance.choice([0, -300, 70_000]))
        self.model.limits[0] = limit = self._chance.choice([0, 40_000, 500_000])
        body = {"currency": "USD", "credit_limit": limit, "opening_balance": owed}
        return self._advice(Way(OPENED, body, ("opened_at",)))

    def _limit(self) -> Advice:
        version, limit = self._version(), self._chance.choice([0, 5000, self._amount() * 1000])
        self.model.limits[version] = limit
        body = {"currency": "USD", "credit_limit": limit, "limit_version": version}
        return self._advice(Way(LIMIT_CHANGED, body, ("effective_at",)))

    def _status(self) -> Advice:
        version = self._version()
        written = self._chance.choice(
            ["active", "Active", "ACTIVE ", "frozen", " FROZEN ", "closed"]
        )
        self.model.statuses[version] = written.strip().lower()
        body = {"status": written, "status_version": version}
        return self._advice(Way(STATUS_CHANGED, body, ("reason_code", "reason", "changed_at")))

    def _payment(self) -> Advice:
        payment_id, amount = self._id(), self._amount()
        self.model.payments[payment_id] = amount
        self.model.posted -= amount
        body = {"payment_id": payment_id, "amount": amount, "currency": "USD"}
        return self._advice(Way(SUBMITTED, body, ("submitted_at", *_ORIGINAL, *_OF_SENDER)))

    def _return(self) -> Advice | None:
        if not self.model.payments:
            return None
        payment_id, amount = self.model.payments.popitem()
        self.model.posted += amount
        body = {"payment_id": payment_id, "amount": amount, "currency": "USD"}
        return self._advice(Way(RETURNED, body, ("reason", "returned_at")))

    def _presentment(self) -> Advice:
        debit, final = self._chance.random() < 0.8, self._chance.random() < 0.3
        amount = 0 if debit and final and self._chance.random() < 0.1 else self._amount()
        transaction = self._transaction()
        if debit and transaction in self.model.transactions:
            self.model.transactions[transaction].clearings.append((amount, final))
        return self._presented(ReferencePresentment(amount, debit, transaction), final=final)

    def _correction(self) -> Advice | None:
        """Take back a presentment or a correction, under any transaction and of any amount."""
        if not self.model.presentments:
            return None
        original = self._chance.choice([*self.model.presentments])
        debit = not self.model.presentments[original].debit
        amount = self._amount()
        return self._presented(ReferencePresentment(amount, debit, self._transaction(), original))

    def _presented(self, presentment: ReferencePresentment, *, final: bool = True) -> Advice:
        clearing_id = self._id()
        self.model.presentments[clearing_id] = presentment
        body = {
            "clearing_id": clearing_id,
            "direction": "debit" if presentment.debit else "credit",
            "reverses_clearing_id": presentment.reverses,
            "amount": presentment.amount,
            "currency": "USD",
            "final": final,
        }
        named = {**body, "transaction_id": presentment.transaction}
        ways = [
            Way(PRESENTED, named, (*_OF_PRESENTMENTS, "presented_at")),
            Way(BATCHES, named, _OF_PRESENTMENTS),
        ]
        if presentment.transaction in self.model.transactions:
            path = f"{self._of_transaction(presentment.transaction)}/clearings"
            ways.append(Way(path, body, _OF_PRESENTMENTS))
        return self._advice(*ways)

    def _refund(self) -> Advice:
        self.model.posted -= (amount := self._amount())
        body = {
            "refund_id": self._id(),
            "transaction_id": self._transaction(),
            "amount": amount,
            "currency": "USD",
        }
        path = f"/v1/accounts/{self.model.account_id}/refunds"
        return self._advice(Way(path, body, _OF_PRESENTMENTS))

    def _reversal(self) -> Advice:
        name = self._chance.choice(_TRANSACTIONS)
        amount = self._chance.choice([None, self._amount(), self._amount()])
        self.model.transactions[name].reversals.append(amount)
        body = {"reversal_id": self._id(), "amount": amount}
        return self._advice(
            Way(f"{self._of_transaction(name)}/reversals", body, ("occurred_at", *_OF_SENDER))
        )

    def _advice(self, *ways: Way) -> Advice:
        """Return the advice; a body without a path has the account."""
        account_id = self.model.account_id
        return Advice(
            account_id,
            tuple(
                Way(way.to, {"account_id": account_id, **way.body}, way.describing)
                if not way.to.startswith("/v1/accounts/")
                else way
                for way in ways
            ),
        )

    def _of_transaction(self, transaction: str) -> str:
        return f"/v1/accounts/{self.model.account_id}/transactions/{transaction}"

    def _transaction(self) -> Any:
        """Return the id of a transaction, or what cannot be read as one and so counts as absent."""
        return self._chance.choice([*_TRANSACTIONS * 3, None, "", "a b", 7, "x" * 65])

    def _amount(self) -> int:
        return self._chance.randint(1, 900)

    def _version(self) -> int:
        return next(self._numbers)

    def _id(self) -> str:
        """Return an id that no other advice of the account has, as banks and networks write it."""
        form = self._chance.choice(
            ["{}", "2026/11/INV {}", "A+B ({}), 'C'?", "6011000990139424-{}", "é{}"]
        )
        return form.format(next(self._numbers))

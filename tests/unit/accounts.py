"""Given-when-then for the account: a stream in memory that keeps what a store would keep."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime

from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.advices import LimitChange, Payment, PaymentReturn
from txplatform.domain.commands import Command, decide
from txplatform.domain.commands.outcome import CommandRejectedError, Outcome
from txplatform.domain.commands.prior_events import PriorEvents, TransactionNotReadError
from txplatform.domain.events import Event
from txplatform.domain.ids import AccountId, PaymentId, TransactionId
from txplatform.domain.keys import authorization_key, late_authorization_key
from txplatform.domain.requests import Merchant, Opening, Purchase
from txplatform.domain.rulesets import DEFAULT_RULESET, RuleSet

ACCOUNT = AccountId("acc-1")
NOW = datetime(2026, 11, 20, 10, 15, tzinfo=UTC)
BOOKSHOP = Merchant("m-17", "Corner Books", "5942", "USA")


@dataclass
class Stream:
    """One account's stream; refuses a version or key that exists, as the event store does."""

    events: list[Event] = field(default_factory=list)
    ids: itertools.count[int] = field(default_factory=itertools.count)
    now: datetime = NOW
    ruleset: RuleSet = DEFAULT_RULESET

    def account(self) -> Account:
        """The account, folded from the first event."""
        account = Account.unopened(ACCOUNT)
        for event in self.events:
            event.mutate(account)
        return account

    def ask(self, command: Command) -> Outcome | CommandRejectedError:
        """Decide a command on the newest version and append what it records."""
        account = self.account()
        stored = PriorEvents()
        stored.update((event.key, event) for event in self.events if event.key in command.keys)
        context = DecisionContext(
            self.now, lambda: f"event-{next(self.ids)}", "00-0-0-00", self.ruleset
        )
        while True:
            try:
                outcome = decide(command, account, stored, context)
                break
            except TransactionNotReadError as missing:
                assert not account.pending_events
                for transaction_id in missing.transaction_ids:
                    self._read(stored, transaction_id)
            except CommandRejectedError as error:
                assert not account.pending_events
                return error
        for event in account.collect_events():
            assert event.originator_version == len(self.events) + 1
            assert event.key not in {earlier.key for earlier in self.events}
            self.events.append(event)
        return outcome

    def _read(self, stored: PriorEvents, transaction_id: TransactionId) -> None:
        """What the event store reads of a transaction: its columns lead to these events."""
        keys = (authorization_key(transaction_id), late_authorization_key(transaction_id))
        for event in self.events:
            if event.key in keys or event.transaction_id == transaction_id:
                stored[event.key] = event
        stored.transactions.add(transaction_id)


def opening(credit_limit: int = 1000, currency: str = "USD") -> Opening:
    """The account's opening."""
    return Opening(ACCOUNT, currency, credit_limit, NOW)


def limit_change(version: int, credit_limit: int, currency: str = "USD") -> LimitChange:
    """A change of the account's limit."""
    return LimitChange(ACCOUNT, credit_limit, currency, version, NOW)


def payment(payment_id: str, amount: int, currency: str = "USD") -> Payment:
    """A payment on the account."""
    return Payment(PaymentId(payment_id), ACCOUNT, amount, currency, NOW)


def payment_return(payment_id: str, amount: int, currency: str = "USD") -> PaymentReturn:
    """A payment's return."""
    return PaymentReturn(PaymentId(payment_id), ACCOUNT, amount, currency, "insufficient", NOW)


def purchase(transaction_id: str, amount: int, currency: str = "USD") -> Purchase:
    """A purchase at the bookshop."""
    return Purchase(TransactionId(transaction_id), ACCOUNT, amount, currency, BOOKSHOP)

"""Decisions on purchases and on increments of their holds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from txplatform.domain.account import Account
from txplatform.domain.events.event import AccountEvent
from txplatform.domain.events.words import codes
from txplatform.domain.ids import TransactionId
from txplatform.domain.keys import authorization_key, late_authorization_key
from txplatform.domain.money import Balance
from txplatform.domain.reasons import APPROVED_RESPONSE_CODE, Reason
from txplatform.domain.requests import Increment, Purchase
from txplatform.domain.rules.rule import Observed


class AuthorizationApproved(AccountEvent, frozen=True):
    """A purchase was approved; the part that is not posted yet is held.

    Attributes:
        authorization_code: Six characters, for the merchant's receipt.
        balance: The money after it.
        ruleset: The rules it passed.
        observed: What each rule measured, by the rule's name.
        hold: The held amount, minor units; None if it is the purchase's amount.
        expires_at: When the hold ends by itself, by the rule set in force; None for never.
        already_posted: Amount cleared before this authorization arrived; the funds check added it
            back to the available credit.
        late: Whether a clearing or reversal of it came first.
    """

    TOPIC: ClassVar[str] = "authorization-approved"
    purchase: Purchase
    authorization_code: str
    balance: Balance
    ruleset: str
    observed: Mapping[str, Observed]
    hold: int | None = None
    expires_at: datetime | None = None
    already_posted: int = 0
    late: bool = False

    @property
    def command(self) -> Purchase:
        return self.purchase

    @property
    def key(self) -> str:
        return _decision_key(self.purchase, late=self.late)

    @property
    def response_code(self) -> str:
        """ISO 8583:1987 field 39."""
        return APPROVED_RESPONSE_CODE

    @property
    def held(self) -> int:
        """The held amount, minor units."""
        return self.purchase.amount if self.hold is None else self.hold

    @property
    def summary(self) -> str:
        purchase = self.purchase
        part = "" if self.held == purchase.amount else f", {self.held} of it held"
        return f"approved {purchase.amount} {purchase.currency}, {purchase.transaction_id}{part}"

    def apply(self, account: Account) -> None:
        account.hold(self.purchase.transaction_id, self.held, self.expires_at)
        account.activity.add(self.timestamp, self.purchase)


class AuthorizationDeclined(AccountEvent, frozen=True):
    """A purchase was declined; nothing is held.

    Attributes:
        reasons: Every rule's refusal, most important first.
        balance: The money at the decision; None where there was no account.
        ruleset: The rules it was held against.
        observed: What each rule measured, by the rule's name.
        already_posted: Amount cleared before this authorization arrived; the funds check added it
            back to the available credit.
        late: Whether a clearing or reversal of it came first.
    """

    TOPIC: ClassVar[str] = "authorization-declined"
    purchase: Purchase
    reasons: tuple[Reason, ...]
    balance: Balance | None
    ruleset: str
    observed: Mapping[str, Observed]
    already_posted: int = 0
    late: bool = False

    @property
    def command(self) -> Purchase:
        return self.purchase

    @property
    def key(self) -> str:
        return _decision_key(self.purchase, late=self.late)

    @property
    def response_code(self) -> str:
        """ISO 8583:1987 field 39 of the most important reason."""
        return self.reasons[0].response_code

    @property
    def summary(self) -> str:
        purchase = self.purchase
        return (
            f"declined {purchase.amount} {purchase.currency}, {purchase.transaction_id}:"
            f" {codes(self.reasons)}"
        )


class AuthorizationIncremented(AccountEvent, frozen=True):
    """A hold was raised.

    Attributes:
        purchase: The raise as the rules saw it: of the purchase that is raised, by this amount.
        raised_from: What was authorized of that before, minor units.
        balance: The money after it.
        ruleset: The rules it passed.
        observed: What each rule measured, by the rule's name.
    """

    TOPIC: ClassVar[str] = "authorization-incremented"
    increment: Increment
    purchase: Purchase
    raised_from: int
    balance: Balance
    ruleset: str
    observed: Mapping[str, Observed]

    @property
    def command(self) -> Increment:
        return self.increment

    @property
    def transaction_id(self) -> TransactionId:
        return self.increment.transaction_id

    @property
    def response_code(self) -> str:
        """ISO 8583:1987 field 39."""
        return APPROVED_RESPONSE_CODE

    @property
    def summary(self) -> str:
        increment = self.increment
        return (
            f"hold of {increment.transaction_id} raised by {increment.amount},"
            f" {increment.increment_id}"
        )

    def apply(self, account: Account) -> None:
        account.raise_hold(self.increment.transaction_id, self.increment.amount)
        account.activity.add(self.timestamp, self.purchase, count=0)


class IncrementDeclined(AccountEvent, frozen=True):
    """A hold was not raised; it stays as it is.

    Attributes:
        purchase: The raise as the rules saw it; None where there was no hold to raise, of which
            only the account was asked.
        raised_from: What was authorized of that before, minor units.
        reasons: Every refusal, most important first.
        balance: The money at the decision; None where there was no account.
        ruleset: The rules it was held against.
        observed: What each rule measured, by the rule's name.
    """

    TOPIC: ClassVar[str] = "increment-declined"
    increment: Increment
    purchase: Purchase | None
    raised_from: int
    reasons: tuple[Reason, ...]
    balance: Balance | None
    ruleset: str
    observed: Mapping[str, Observed]

    @property
    def command(self) -> Increment:
        return self.increment

    @property
    def transaction_id(self) -> TransactionId:
        return self.increment.transaction_id

    @property
    def response_code(self) -> str:
        """ISO 8583:1987 field 39 of the most important reason."""
        return self.reasons[0].response_code

    @property
    def summary(self) -> str:
        increment = self.increment
        return (
            f"hold of {increment.transaction_id} not raised by {increment.amount},"
            f" {increment.increment_id}: {codes(self.reasons)}"
        )


ApprovalEvent = AuthorizationApproved | AuthorizationIncremented
DeclineEvent = AuthorizationDeclined | IncrementDeclined


def _decision_key(purchase: Purchase, *, late: bool) -> str:
    named = late_authorization_key if late else authorization_key
    return named(purchase.transaction_id)

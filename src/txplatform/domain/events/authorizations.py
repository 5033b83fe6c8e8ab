"""Decisions on purchases and on increments of holds.

Shared fields:
    purchase: The evaluated purchase. For an increment, the original purchase, but with the
        increment's amount; None if the transaction has no open hold.
    balance: The account's balance after the event; None if the account is not opened.
    ruleset: The id of the rule set in force.
    observed: The value that each rule observed, by the rule's name.
    already_posted: The amount posted before a late authorization, minor units. The credit check
        does not count this amount twice.
    late: True if a clearing or reversal arrived before the authorization.
    raised_from: The amount authorized before the increment less reversals, minor units.
    reasons: All reasons for the decline, most important first.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import ClassVar

from txplatform.domain.account import Account
from txplatform.domain.currencies import format_amount, format_money
from txplatform.domain.events.event import AccountEvent
from txplatform.domain.ids import TransactionId
from txplatform.domain.keys import authorization_key, late_authorization_key
from txplatform.domain.money import Balance
from txplatform.domain.reasons import APPROVED_RESPONSE_CODE, Reason
from txplatform.domain.requests import Increment, Purchase
from txplatform.domain.rules.rule import Observed


class AuthorizationApproved(AccountEvent, frozen=True):
    """A purchase was approved, and the part not yet posted is held.

    Attributes:
        authorization_code: Six characters for the merchant's receipt.
        hold: The held amount in minor units; None if the whole purchase is held.
        expires_at: The time when the hold expires, UTC; None if there is no hold or no expiry.
    """

    TOPIC: ClassVar[str] = "authorization-approved"
    COMMAND: ClassVar[str] = "purchase"
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
    def key(self) -> str:
        return _decision_key(self.purchase, late=self.late)

    @property
    def response_code(self) -> str:
        """The response code, ISO 8583:1987 field 39."""
        return APPROVED_RESPONSE_CODE

    @property
    def held(self) -> int:
        """The held amount, minor units."""
        return self.purchase.amount if self.hold is None else self.hold

    @property
    def pending_change(self) -> int:
        return self.held

    @property
    def hold_expires_at(self) -> datetime | None:
        return self.expires_at

    def summary(self, currency: str | None) -> str:
        purchase = self.purchase
        part = ""
        if self.held != purchase.amount:
            part = f", {format_amount(self.held, purchase.currency)} of it held"
        money = format_money(purchase.amount, purchase.currency)
        return f"approved {money}, {purchase.transaction_id}{part}"

    def apply(self, account: Account) -> None:
        account.hold(self.purchase.transaction_id, self.held, self.expires_at)
        account.activity.add(self.timestamp, self.purchase)


class AuthorizationDeclined(AccountEvent, frozen=True):
    """A purchase was declined; nothing is held."""

    TOPIC: ClassVar[str] = "authorization-declined"
    COMMAND: ClassVar[str] = "purchase"
    purchase: Purchase
    reasons: tuple[Reason, ...]
    balance: Balance | None
    ruleset: str
    observed: Mapping[str, Observed]
    already_posted: int = 0
    late: bool = False

    @property
    def key(self) -> str:
        return _decision_key(self.purchase, late=self.late)

    @property
    def response_code(self) -> str:
        """The response code of the most important reason, ISO 8583:1987 field 39."""
        return self.reasons[0].response_code

    def summary(self, currency: str | None) -> str:
        purchase = self.purchase
        return (
            f"declined {format_money(purchase.amount, purchase.currency)},"
            f" {purchase.transaction_id}: {_codes(self.reasons)}"
        )


class AuthorizationIncremented(AccountEvent, frozen=True):
    """A hold was raised by the increment's amount.

    Attributes:
        expires_at: The time when the raised hold expires, UTC; None for never.
    """

    TOPIC: ClassVar[str] = "authorization-incremented"
    COMMAND: ClassVar[str] = "increment"
    increment: Increment
    purchase: Purchase
    raised_from: int
    balance: Balance
    ruleset: str
    observed: Mapping[str, Observed]
    expires_at: datetime | None = None

    @property
    def transaction_id(self) -> TransactionId:
        return self.increment.transaction_id

    @property
    def hold_expires_at(self) -> datetime | None:
        return self.expires_at

    @property
    def response_code(self) -> str:
        """The response code, ISO 8583:1987 field 39."""
        return APPROVED_RESPONSE_CODE

    @property
    def pending_change(self) -> int:
        return self.increment.amount

    def summary(self, currency: str | None) -> str:
        increment = self.increment
        money = format_money(increment.amount, self.purchase.currency)
        return f"hold of {increment.transaction_id} raised by {money}, {increment.increment_id}"

    def apply(self, account: Account) -> None:
        increment = self.increment
        account.raise_hold(increment.transaction_id, increment.amount, self.expires_at)
        account.activity.add(self.timestamp, self.purchase, count=0)


class IncrementDeclined(AccountEvent, frozen=True):
    """An increment was declined; the hold, if any, is unchanged."""

    TOPIC: ClassVar[str] = "increment-declined"
    COMMAND: ClassVar[str] = "increment"
    increment: Increment
    purchase: Purchase | None
    raised_from: int
    reasons: tuple[Reason, ...]
    balance: Balance | None
    ruleset: str
    observed: Mapping[str, Observed]

    @property
    def transaction_id(self) -> TransactionId:
        return self.increment.transaction_id

    @property
    def response_code(self) -> str:
        """The response code of the most important reason, ISO 8583:1987 field 39."""
        return self.reasons[0].response_code

    def summary(self, currency: str | None) -> str:
        increment = self.increment
        return (
            f"hold of {increment.transaction_id} not raised by"
            f" {format_amount(increment.amount, currency)},"
            f" {increment.increment_id}: {_codes(self.reasons)}"
        )


ApprovalEvent = AuthorizationApproved | AuthorizationIncremented
DeclineEvent = AuthorizationDeclined | IncrementDeclined


def _decision_key(purchase: Purchase, *, late: bool) -> str:
    named = late_authorization_key if late else authorization_key
    return named(purchase.transaction_id)


def _codes(reasons: Iterable[Reason]) -> str:
    return ", ".join(reason.code for reason in reasons)

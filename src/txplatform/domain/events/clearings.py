"""Posted clearings, corrections and refunds. Flags mark unusual circumstances.

The field `balance` is the account's balance after the event.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import ClassVar

from txplatform.domain.account import Account
from txplatform.domain.advices import Clearing, Correction, Refund
from txplatform.domain.currencies import format_amount, format_money
from txplatform.domain.events.event import AccountEvent
from txplatform.domain.ids import TransactionId
from txplatform.domain.money import Balance


class Flag(StrEnum):
    """Unusual circumstances of a clearing, a refund or a correction."""

    AFTER_EXPIRY = "after_expiry"
    AFTER_REVERSAL = "after_reversal"
    AFTER_FINAL = "after_final"
    NO_AUTHORIZATION = "no_authorization"
    OVER_HOLD = "over_hold"
    OVER_PURCHASE = "over_purchase"
    """The refunds exceed the posted amount of the purchase."""
    NO_CLEARING = "no_clearing"
    """The corrected clearing or refund is unknown."""


class PurchaseCleared(AccountEvent, frozen=True):
    """A clearing was posted: all or part of a purchase.

    Attributes:
        released: The released part of the hold, minor units. A final clearing releases the whole
            hold, which may be more than the cleared amount.
    """

    TOPIC: ClassVar[str] = "purchase-cleared"
    COMMAND: ClassVar[str] = "clearing"
    clearing: Clearing
    released: int
    flags: tuple[Flag, ...]
    balance: Balance

    @property
    def transaction_id(self) -> TransactionId | None:
        return self.clearing.transaction_id

    @property
    def pending_change(self) -> int:
        return -self.released

    @property
    def posted_change(self) -> int:
        return self.clearing.amount

    @property
    def summary(self) -> str:
        clearing = self.clearing
        released = format_amount(self.released, clearing.currency)
        return (
            f"cleared {format_money(clearing.amount, clearing.currency)},"
            f" {clearing.clearing_id}{_of_transaction(clearing.transaction_id)},"
            f" {released} released{_flagged(self.flags)}"
        )

    def apply(self, account: Account) -> None:
        account.posted += self.posted_change
        if self.clearing.transaction_id is not None:
            account.release(self.clearing.transaction_id, self.released)
        account.waiting.pop(self.key, None)


class ClearingCorrected(AccountEvent, frozen=True):
    """A correction was posted: the network withdrew a clearing or refund."""

    TOPIC: ClassVar[str] = "clearing-corrected"
    COMMAND: ClassVar[str] = "correction"
    correction: Correction
    flags: tuple[Flag, ...]
    balance: Balance

    @property
    def transaction_id(self) -> TransactionId | None:
        return self.correction.transaction_id

    @property
    def posted_change(self) -> int:
        return self.correction.posted_change

    @property
    def summary(self) -> str:
        correction = self.correction
        return (
            f"{correction.direction} of {format_money(correction.amount, correction.currency)},"
            f" {correction.clearing_id}{_of_transaction(correction.transaction_id)}"
            f" corrects {correction.reverses_clearing_id}{_flagged(self.flags)}"
        )

    def apply(self, account: Account) -> None:
        account.posted += self.posted_change
        account.waiting.pop(self.key, None)


class PurchaseRefunded(AccountEvent, frozen=True):
    """A refund was posted."""

    TOPIC: ClassVar[str] = "purchase-refunded"
    COMMAND: ClassVar[str] = "refund"
    refund: Refund
    flags: tuple[Flag, ...]
    balance: Balance

    @property
    def transaction_id(self) -> TransactionId | None:
        return self.refund.transaction_id

    @property
    def posted_change(self) -> int:
        return -self.refund.amount

    @property
    def summary(self) -> str:
        refund = self.refund
        return (
            f"refunded {format_money(refund.amount, refund.currency)},"
            f" {refund.refund_id}{_of_transaction(refund.transaction_id)}{_flagged(self.flags)}"
        )

    def apply(self, account: Account) -> None:
        account.posted += self.posted_change
        account.waiting.pop(self.key, None)


SettlementEvent = PurchaseCleared | ClearingCorrected | PurchaseRefunded


def _of_transaction(transaction_id: TransactionId | None) -> str:
    return "" if transaction_id is None else f" of {transaction_id}"


def _flagged(flags: Iterable[Flag]) -> str:
    written = ", ".join(flags)
    return f" [{written}]" if written else ""

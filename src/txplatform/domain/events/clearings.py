"""Settlement by the network and refunds: posted as they arrive, with flags if unusual.

An event's `balance` is the account's balance after it.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import ClassVar

from txplatform.domain.account import Account
from txplatform.domain.advices import Clearing, Correction, Refund
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
    """A refund of more than is posted of its purchase."""
    NO_CLEARING = "no_clearing"
    """A correction of an unknown clearing."""


class PurchaseCleared(AccountEvent, frozen=True):
    """A purchase or a part of it was posted.

    Attributes:
        released: The released part of the hold, minor units; more than the cleared amount if the
            clearing is final and smaller than the hold.
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
    def summary(self) -> str:
        clearing = self.clearing
        return (
            f"cleared {clearing.amount} {clearing.currency},"
            f" {clearing.clearing_id}{_of_transaction(clearing.transaction_id)},"
            f" {self.released} released{_flagged(self.flags)}"
        )

    def apply(self, account: Account) -> None:
        account.posted += self.clearing.amount
        if self.clearing.transaction_id is not None:
            account.release(self.clearing.transaction_id, self.released)
        account.waiting.pop(self.key, None)


class ClearingCorrected(AccountEvent, frozen=True):
    """The network withdrew a clearing or a refund."""

    TOPIC: ClassVar[str] = "clearing-corrected"
    COMMAND: ClassVar[str] = "correction"
    correction: Correction
    flags: tuple[Flag, ...]
    balance: Balance

    @property
    def transaction_id(self) -> TransactionId | None:
        return self.correction.transaction_id

    @property
    def summary(self) -> str:
        correction = self.correction
        return (
            f"{correction.direction} of {correction.amount} {correction.currency},"
            f" {correction.clearing_id}{_of_transaction(correction.transaction_id)}"
            f" corrects {correction.reverses_clearing_id}{_flagged(self.flags)}"
        )

    def apply(self, account: Account) -> None:
        account.posted += self.correction.posted_change
        account.waiting.pop(self.key, None)


class PurchaseRefunded(AccountEvent, frozen=True):
    """The merchant gave money back."""

    TOPIC: ClassVar[str] = "purchase-refunded"
    COMMAND: ClassVar[str] = "refund"
    refund: Refund
    flags: tuple[Flag, ...]
    balance: Balance

    @property
    def transaction_id(self) -> TransactionId | None:
        return self.refund.transaction_id

    @property
    def summary(self) -> str:
        refund = self.refund
        return (
            f"refunded {refund.amount} {refund.currency},"
            f" {refund.refund_id}{_of_transaction(refund.transaction_id)}{_flagged(self.flags)}"
        )

    def apply(self, account: Account) -> None:
        account.posted -= self.refund.amount
        account.waiting.pop(self.key, None)


SettlementEvent = PurchaseCleared | ClearingCorrected | PurchaseRefunded


def _of_transaction(transaction_id: TransactionId | None) -> str:
    return "" if transaction_id is None else f" of {transaction_id}"


def _flagged(flags: Iterable[Flag]) -> str:
    written = ", ".join(flags)
    return f" [{written}]" if written else ""

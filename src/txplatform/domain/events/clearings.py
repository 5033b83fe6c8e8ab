"""Posted clearings, corrections and refunds.

The field `balance` is the account's balance after the event.
"""

from typing import ClassVar

from txplatform.domain.account import Account
from txplatform.domain.advices import Clearing, Correction, Refund
from txplatform.domain.currencies import format_amount, format_money
from txplatform.domain.events.event import AdviceEvent, flagged
from txplatform.domain.ids import TransactionId
from txplatform.domain.money import Balance


class PurchaseCleared(AdviceEvent, frozen=True):
    """A clearing was posted: all or part of a purchase.

    Attributes:
        released: The released part of the hold, minor units. A final clearing releases the whole
            hold, which may be more than the cleared amount.
    """

    TOPIC: ClassVar[str] = "purchase-cleared"
    COMMAND: ClassVar[str] = "clearing"
    clearing: Clearing
    released: int
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

    def summary(self, currency: str | None) -> str:
        clearing = self.clearing
        released = format_amount(self.released, clearing.currency)
        return (
            f"cleared {format_money(clearing.amount, clearing.currency)},"
            f" {clearing.clearing_id}{_of_transaction(clearing.transaction_id)},"
            f" {released} released{flagged(self.flags)}"
        )

    def apply(self, account: Account) -> None:
        account.posted += self.posted_change
        if self.clearing.transaction_id is not None:
            account.release(self.clearing.transaction_id, self.released)
        account.waiting.pop(self.key, None)


class ClearingCorrected(AdviceEvent, frozen=True):
    """A correction was posted: the network took back a clearing, a refund or a correction.

    The original is the clearing or refund at the end of a chain of corrections.

    Attributes:
        corrected_id: The id of the original.
        corrected_transaction: The transaction of the original; None if there is none.
        of_refund: True if the original is a refund, False for a clearing.
    """

    TOPIC: ClassVar[str] = "clearing-corrected"
    COMMAND: ClassVar[str] = "correction"
    correction: Correction
    corrected_id: str
    corrected_transaction: TransactionId | None
    of_refund: bool
    balance: Balance

    @property
    def transaction_id(self) -> TransactionId | None:
        return self.corrected_transaction

    @property
    def indexed_under(self) -> str:
        return self.corrected_transaction or corrections_of(self.corrected_id)

    @property
    def posted_change(self) -> int:
        return self.correction.posted_change

    def summary(self, currency: str | None) -> str:
        correction = self.correction
        return (
            f"{correction.direction} of {format_money(correction.amount, correction.currency)},"
            f" {correction.clearing_id}{_of_transaction(self.corrected_transaction)}"
            f" corrects {correction.reverses_clearing_id}{flagged(self.flags)}"
        )

    def apply(self, account: Account) -> None:
        account.posted += self.posted_change
        account.waiting.pop(self.key, None)


class PurchaseRefunded(AdviceEvent, frozen=True):
    """A refund was posted."""

    TOPIC: ClassVar[str] = "purchase-refunded"
    COMMAND: ClassVar[str] = "refund"
    refund: Refund
    balance: Balance

    @property
    def transaction_id(self) -> TransactionId | None:
        return self.refund.transaction_id

    @property
    def posted_change(self) -> int:
        return -self.refund.amount

    def summary(self, currency: str | None) -> str:
        refund = self.refund
        return (
            f"refunded {format_money(refund.amount, refund.currency)},"
            f" {refund.refund_id}{_of_transaction(refund.transaction_id)}{flagged(self.flags)}"
        )

    def apply(self, account: Account) -> None:
        account.posted += self.posted_change
        account.waiting.pop(self.key, None)


def corrections_of(clearing_id: str) -> str:
    """Return the index value of corrections of a posting that names no transaction.

    No transaction has this id, since it has a blank.
    """
    return f"corrections of {clearing_id}"


SettlementEvent = PurchaseCleared | ClearingCorrected | PurchaseRefunded


def _of_transaction(transaction_id: TransactionId | None) -> str:
    return "" if transaction_id is None else f" of {transaction_id}"

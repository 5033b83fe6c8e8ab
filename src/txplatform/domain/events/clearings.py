"""Settlement by the network and refunds: posted as they come, with flags if unusual."""

from __future__ import annotations

from typing import ClassVar

from txplatform.domain.account import Account
from txplatform.domain.advices import Clearing, Correction, Refund
from txplatform.domain.events.event import AccountEvent
from txplatform.domain.events.words import flagged, of_transaction
from txplatform.domain.ids import TransactionId
from txplatform.domain.money import Balance
from txplatform.domain.transaction_flags import Flag


class PurchaseCleared(AccountEvent, frozen=True):
    """A purchase was posted, or a part of it.

    Attributes:
        released: The part of the hold that it released, minor units; more than the cleared amount
            if the clearing is final and smaller than the hold.
        balance: The money after it.
    """

    TOPIC: ClassVar[str] = "purchase-cleared"
    clearing: Clearing
    released: int
    flags: tuple[Flag, ...]
    balance: Balance

    @property
    def command(self) -> Clearing:
        return self.clearing

    @property
    def transaction_id(self) -> TransactionId | None:
        return self.clearing.transaction_id

    @property
    def summary(self) -> str:
        clearing = self.clearing
        return (
            f"cleared {clearing.amount} {clearing.currency},"
            f" {clearing.clearing_id}{of_transaction(clearing.transaction_id)},"
            f" {self.released} released{flagged(self.flags)}"
        )

    def apply(self, account: Account) -> None:
        account.posted += self.clearing.amount
        if self.clearing.transaction_id is not None:
            account.release(self.clearing.transaction_id, self.released)
        account.waiting.pop(self.key, None)


class ClearingCorrected(AccountEvent, frozen=True):
    """The network took a clearing or a refund back.

    Attributes:
        balance: The money after it.
    """

    TOPIC: ClassVar[str] = "clearing-corrected"
    correction: Correction
    flags: tuple[Flag, ...]
    balance: Balance

    @property
    def command(self) -> Correction:
        return self.correction

    @property
    def transaction_id(self) -> TransactionId | None:
        return self.correction.transaction_id

    @property
    def summary(self) -> str:
        correction = self.correction
        return (
            f"{correction.direction} of {correction.amount} {correction.currency},"
            f" {correction.clearing_id}{of_transaction(correction.transaction_id)}"
            f" corrects {correction.reverses_clearing_id}{flagged(self.flags)}"
        )

    def apply(self, account: Account) -> None:
        account.posted += self.correction.posted_change
        account.waiting.pop(self.key, None)


class PurchaseRefunded(AccountEvent, frozen=True):
    """The merchant gave money back.

    Attributes:
        balance: The money after it.
    """

    TOPIC: ClassVar[str] = "purchase-refunded"
    refund: Refund
    flags: tuple[Flag, ...]
    balance: Balance

    @property
    def command(self) -> Refund:
        return self.refund

    @property
    def transaction_id(self) -> TransactionId | None:
        return self.refund.transaction_id

    @property
    def summary(self) -> str:
        refund = self.refund
        return (
            f"refunded {refund.amount} {refund.currency},"
            f" {refund.refund_id}{of_transaction(refund.transaction_id)}{flagged(self.flags)}"
        )

    def apply(self, account: Account) -> None:
        account.posted -= self.refund.amount
        account.waiting.pop(self.key, None)


SettlementEvent = PurchaseCleared | ClearingCorrected | PurchaseRefunded

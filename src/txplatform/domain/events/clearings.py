"""What the network settles: it is posted as it comes, and what is unusual is flagged."""

from __future__ import annotations

from typing import ClassVar

from txplatform.domain.account import Account
from txplatform.domain.advices import Clearing, Correction, Refund
from txplatform.domain.events.event import AccountEvent
from txplatform.domain.ids import TransactionId
from txplatform.domain.money import Balance
from txplatform.domain.transaction_flags import Flag


class PurchaseCleared(AccountEvent, frozen=True):
    """A purchase was posted, or a part of it.

    Attributes:
        released: What it released of the hold, minor units; more than was cleared where it is
            final and less than the hold.
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

    def apply(self, account: Account) -> None:
        account.posted -= self.refund.amount
        account.waiting.pop(self.key, None)

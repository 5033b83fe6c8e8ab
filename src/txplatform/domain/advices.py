"""Advices: reports of past events, which an account cannot decline (ISO 8583).

An advice that reuses a business key is rejected, unless it is a copy of the earlier advice.
"""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from txplatform.domain.account_command import EarlyAdvice, FlaggedCommand, VersionedAdvice
from txplatform.domain.ids import AccountId, PaymentId, TransactionId
from txplatform.domain.keys import (
    clearing_key,
    credit_limit_key,
    payment_key,
    payment_return_key,
    refund_key,
    status_version_key,
)
from txplatform.domain.requests import Merchant
from txplatform.domain.status import AccountStatus

_OF_SENDER = frozenset({"reference", "metadata"})
_ORIGINAL = frozenset({"original_amount", "original_currency"})
"""Describing fields, which are not compared in a repeated advice."""


class CreditLimitChange(EarlyAdvice, VersionedAdvice, frozen=True):
    """The accounts team changed the credit limit."""

    LABEL: ClassVar[str] = "The credit limit change"
    VERSION: ClassVar[str] = "limit_version"
    DESCRIBING: ClassVar[frozenset[str]] = frozenset({"effective_at"})
    BUSINESS_TIME: ClassVar[tuple[str, ...]] = ("effective_at",)

    account_id: AccountId
    credit_limit: int
    currency: str
    limit_version: int
    effective_at: datetime | None = None

    @property
    def key(self) -> str:
        return credit_limit_key(self.limit_version)


class StatusChange(VersionedAdvice, frozen=True):
    """The accounts team changed the account's status. A closed account never reopens.

    Attributes:
        reason_code: Any code; those of `FreezeReason` have a response code of their own.
    """

    LABEL: ClassVar[str] = "The status change"
    VERSION: ClassVar[str] = "status_version"
    DESCRIBING: ClassVar[frozenset[str]] = frozenset({"reason_code", "reason", "changed_at"})
    BUSINESS_TIME: ClassVar[tuple[str, ...]] = ("changed_at",)

    account_id: AccountId
    status: AccountStatus
    status_version: int
    reason: str | None = None
    changed_at: datetime | None = None
    reason_code: str | None = None

    @property
    def key(self) -> str:
        return status_version_key(self.status_version)

    @property
    def terminal(self) -> bool:
        return self.status is AccountStatus.CLOSED


class Payment(EarlyAdvice, frozen=True):
    """A payment by the cardholder, which lowers the posted balance by `amount` minor units."""

    LABEL: ClassVar[str] = "The payment"
    DESCRIBING: ClassVar[frozenset[str]] = _ORIGINAL | _OF_SENDER | {"submitted_at"}
    BUSINESS_TIME: ClassVar[tuple[str, ...]] = ("submitted_at",)
    COPY_CONFLICTS: ClassVar[bool] = True

    payment_id: PaymentId
    account_id: AccountId
    amount: int
    currency: str
    submitted_at: datetime | None = None
    original_amount: int | None = None
    original_currency: str | None = None
    reference: str | None = None
    metadata: dict[str, str] | None = None

    @property
    def key(self) -> str:
        return payment_key(self.payment_id)


class PaymentReturn(EarlyAdvice, frozen=True):
    """The bank returned a payment. The amount and currency must match the payment."""

    LABEL: ClassVar[str] = "The return of the payment"
    DESCRIBING: ClassVar[frozenset[str]] = frozenset({"reason", "returned_at"})
    BUSINESS_TIME: ClassVar[tuple[str, ...]] = ("returned_at",)
    READS_EARLIER: ClassVar[bool] = True

    payment_id: PaymentId
    account_id: AccountId
    amount: int
    currency: str
    reason: str | None = None
    returned_at: datetime | None = None

    @property
    def key(self) -> str:
        return payment_return_key(self.payment_id)

    @property
    def keys(self) -> tuple[str, ...]:
        return (*super().keys, payment_key(self.payment_id))


class Reversal(FlaggedCommand, frozen=True):
    """The merchant reversed an authorization; `amount` is in minor units, or None for all."""

    LABEL: ClassVar[str] = "The reversal"
    DESCRIBING: ClassVar[frozenset[str]] = _OF_SENDER | {"occurred_at"}
    BUSINESS_TIME: ClassVar[tuple[str, ...]] = ("occurred_at",)

    reversal_id: str
    transaction_id: TransactionId
    account_id: AccountId
    amount: int | None = None
    occurred_at: datetime | None = None
    reference: str | None = None
    metadata: dict[str, str] | None = None

    @property
    def key(self) -> str:
        return f"reversal:{self.reversal_id}"


class Direction(StrEnum):
    """The direction of a presentment: a debit raises the posted balance, a credit lowers it."""

    DEBIT = "debit"
    CREDIT = "credit"


class DescribedPresentment(EarlyAdvice, frozen=True, kw_only=True):
    """A presentment, with the fields that only describe it.

    Attributes:
        occurred_at: When the purchase was made, cleared or refunded, UTC.
        presented_at: When the network presented it, UTC.
    """

    BUSINESS_TIME: ClassVar[tuple[str, ...]] = ("occurred_at", "presented_at")
    DESCRIBING: ClassVar[frozenset[str]] = (
        _OF_SENDER | _ORIGINAL | {"merchant", "occurred_at", "presented_at"}
    )

    merchant: Merchant | None = None
    original_amount: int | None = None
    original_currency: str | None = None
    occurred_at: datetime | None = None
    presented_at: datetime | None = None
    reference: str | None = None
    metadata: dict[str, str] | None = None


class Clearing(DescribedPresentment, frozen=True):
    """The network presents a purchase for settlement.

    Attributes:
        transaction_id: None if the purchase was never authorized (a force post).
        amount: Minor units of `currency`; 0 only if final, to end the hold without a posting.
        final: True for the last clearing of a purchase, which releases the rest of the hold.
    """

    LABEL: ClassVar[str] = "The clearing"
    COPY_CONFLICTS: ClassVar[bool] = True
    direction: ClassVar[Direction] = Direction.DEBIT
    reverses_clearing_id: ClassVar[str | None] = None

    clearing_id: str
    account_id: AccountId
    transaction_id: TransactionId | None
    amount: int
    currency: str
    final: bool = True

    @property
    def key(self) -> str:
        return clearing_key(self.clearing_id)


class Correction(DescribedPresentment, frozen=True):
    """The network takes an earlier presentment back: a clearing, a refund or a correction.

    Attributes:
        clearing_id: The id of the correction itself.
        reverses_clearing_id: The id of the original, the presentment that is taken back.
        direction: The opposite of the original's direction.
        final: As sent. It has no effect, but is compared in a repeat.
    """

    LABEL: ClassVar[str] = "The correction"
    READS_EARLIER: ClassVar[bool] = True

    clearing_id: str
    account_id: AccountId
    transaction_id: TransactionId | None
    reverses_clearing_id: str
    direction: Direction
    amount: int
    currency: str
    final: bool = True

    @property
    def key(self) -> str:
        return clearing_key(self.clearing_id)

    @property
    def keys(self) -> tuple[str, ...]:
        return (*super().keys, self.original_key)

    @property
    def original_key(self) -> str:
        """The business key of the presentment that is taken back."""
        return clearing_key(self.reverses_clearing_id)

    @property
    def posted_change(self) -> int:
        """The change of the posted balance, in minor units."""
        return self.amount if self.direction is Direction.DEBIT else -self.amount


class Refund(DescribedPresentment, frozen=True):
    """A refund by the merchant.

    Attributes:
        transaction_id: None if the refund names no purchase.
        final: As sent with a credit presentment. It has no effect, but is compared in a repeat.
        presented: True for a credit presentment. Its id is a presentment's id, not a refund's.
    """

    LABEL: ClassVar[str] = "The refund"
    COPY_CONFLICTS: ClassVar[bool] = True
    direction: ClassVar[Direction] = Direction.CREDIT
    reverses_clearing_id: ClassVar[str | None] = None

    refund_id: str
    account_id: AccountId
    transaction_id: TransactionId | None
    amount: int
    currency: str
    presented: bool = False
    final: bool = True

    @property
    def key(self) -> str:
        return clearing_key(self.refund_id) if self.presented else refund_key(self.refund_id)


WaitingMessage = Payment | PaymentReturn | CreditLimitChange | Clearing | Correction | Refund
"""Advices that can arrive before the account is opened.

A return can also arrive before its payment, and a correction before its original.
"""

Advice = WaitingMessage | StatusChange | Reversal

"""Advices: reports of what has happened elsewhere, which an account cannot decline.

Each has its own business key. Two advices with the same key must be copies of each other; if they
are not, one of them is wrong.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from txplatform.domain.account_command import AccountCommand, EarlyAdvice, VersionedAdvice
from txplatform.domain.ids import AccountId, PaymentId, TransactionId
from txplatform.domain.keys import clearing_key, payment_key, payment_return_key, refund_key
from txplatform.domain.requests import Merchant
from txplatform.domain.status import AccountStatus


class LimitChange(EarlyAdvice, VersionedAdvice, frozen=True):
    """The accounts team changed the credit limit."""

    VERSION: ClassVar[str] = "limit_version"
    BUSINESS_TIME: ClassVar[tuple[str, ...]] = ("effective_at",)

    account_id: AccountId
    credit_limit: int
    currency: str
    limit_version: int
    effective_at: datetime

    @property
    def key(self) -> str:
        return f"credit-limit:{self.limit_version}"

    @property
    def label(self) -> str:
        return f"Limit version {self.limit_version}"


class StatusChange(VersionedAdvice, frozen=True):
    """The accounts team changed the status; closed is terminal."""

    VERSION: ClassVar[str] = "status_version"
    BUSINESS_TIME: ClassVar[tuple[str, ...]] = ("changed_at",)

    account_id: AccountId
    status: AccountStatus
    status_version: int
    reason: str
    changed_at: datetime

    @property
    def key(self) -> str:
        return f"status-version:{self.status_version}"

    @property
    def label(self) -> str:
        return f"Status version {self.status_version}"

    @property
    def terminal(self) -> bool:
        return self.status is AccountStatus.CLOSED


class Payment(EarlyAdvice, frozen=True):
    """The cardholder paid; lowers the posted balance by `amount` minor units."""

    BUSINESS_TIME: ClassVar[tuple[str, ...]] = ("submitted_at",)
    COPY_CONFLICTS: ClassVar[bool] = True

    payment_id: PaymentId
    account_id: AccountId
    amount: int
    currency: str
    submitted_at: datetime

    @property
    def key(self) -> str:
        return payment_key(self.payment_id)

    @property
    def label(self) -> str:
        return f"Payment {self.payment_id}"


class PaymentReturn(EarlyAdvice, frozen=True):
    """The bank took a payment back; amount and currency have to be the payment's."""

    BUSINESS_TIME: ClassVar[tuple[str, ...]] = ("returned_at",)

    payment_id: PaymentId
    account_id: AccountId
    amount: int
    currency: str
    reason: str
    returned_at: datetime

    @property
    def key(self) -> str:
        return payment_return_key(self.payment_id)

    @property
    def keys(self) -> tuple[str, ...]:
        return (*super().keys, payment_key(self.payment_id))

    @property
    def label(self) -> str:
        return f"The return of payment {self.payment_id}"


class Reversal(AccountCommand, frozen=True):
    """The merchant gave a purchase up.

    Attributes:
        amount: Minor units; None for all of it.
    """

    reversal_id: str
    transaction_id: TransactionId
    account_id: AccountId
    amount: int | None = None

    @property
    def key(self) -> str:
        return f"reversal:{self.reversal_id}"

    @property
    def label(self) -> str:
        return f"Reversal {self.reversal_id}"


class Direction(StrEnum):
    """The direction in which a presentment moves money: a debit is owed by the cardholder."""

    DEBIT = "debit"
    CREDIT = "credit"


_DESCRIPTIVE = frozenset(
    {"merchant", "original_amount", "original_currency", "occurred_at", "presented_at"}
)
"""Of a clearing or refund: HTTP and Kafka differ in which of these they give."""


class Clearing(EarlyAdvice, frozen=True):
    """The network presents a purchase for settlement.

    Attributes:
        transaction_id: The purchase's; None for one that was never authorized (a force post).
        amount: Minor units of `currency`.
        final: Whether nothing more is to come, so that the rest of the hold is released.
        occurred_at: As an HTTP caller gives it, UTC.
        presented_at: As the network's message gives it, UTC.
    """

    BUSINESS_TIME: ClassVar[tuple[str, ...]] = ("occurred_at", "presented_at")
    COPY_CONFLICTS: ClassVar[bool] = True
    DESCRIPTIVE: ClassVar[frozenset[str]] = _DESCRIPTIVE

    clearing_id: str
    account_id: AccountId
    transaction_id: TransactionId | None
    amount: int
    currency: str
    final: bool = True
    merchant: Merchant | None = None
    original_amount: int | None = None
    original_currency: str | None = None
    occurred_at: datetime | None = None
    presented_at: datetime | None = None

    @property
    def key(self) -> str:
        return clearing_key(self.clearing_id)

    @property
    def label(self) -> str:
        return f"Clearing {self.clearing_id}"


class Correction(EarlyAdvice, frozen=True):
    """The network withdraws a clearing or a refund that it presented.

    Attributes:
        clearing_id: The correction's own.
        reverses_clearing_id: The clearing's or refund's that it withdraws.
        direction: Credit if it withdraws a clearing, debit if it withdraws a refund.
    """

    BUSINESS_TIME: ClassVar[tuple[str, ...]] = ("presented_at",)

    clearing_id: str
    account_id: AccountId
    transaction_id: TransactionId | None
    reverses_clearing_id: str
    direction: Direction
    amount: int
    currency: str
    merchant: Merchant | None = None
    original_amount: int | None = None
    original_currency: str | None = None
    presented_at: datetime | None = None

    @property
    def key(self) -> str:
        return clearing_key(self.clearing_id)

    @property
    def keys(self) -> tuple[str, ...]:
        return (*super().keys, *self.reversed_keys)

    @property
    def reversed_keys(self) -> tuple[str, str]:
        """Keys of what it withdraws: a credit of the network is a refund under its clearing id."""
        return clearing_key(self.reverses_clearing_id), refund_key(self.reverses_clearing_id)

    @property
    def label(self) -> str:
        return f"Correction {self.clearing_id}"

    @property
    def posted_change(self) -> int:
        """The change of the posted balance, minor units."""
        return self.amount if self.direction is Direction.DEBIT else -self.amount


class Refund(EarlyAdvice, frozen=True):
    """The merchant gives money back, with or without naming the purchase."""

    BUSINESS_TIME: ClassVar[tuple[str, ...]] = ("presented_at",)
    COPY_CONFLICTS: ClassVar[bool] = True
    DESCRIPTIVE: ClassVar[frozenset[str]] = _DESCRIPTIVE

    refund_id: str
    account_id: AccountId
    transaction_id: TransactionId | None
    amount: int
    currency: str
    merchant: Merchant | None = None
    original_amount: int | None = None
    original_currency: str | None = None
    presented_at: datetime | None = None

    @property
    def key(self) -> str:
        return refund_key(self.refund_id)

    @property
    def label(self) -> str:
        return f"Refund {self.refund_id}"


WaitingMessage = Payment | PaymentReturn | LimitChange | Clearing | Correction | Refund
"""Advices that can arrive before their prerequisite: the account, or for a return the payment."""

Advice = WaitingMessage | StatusChange | Reversal

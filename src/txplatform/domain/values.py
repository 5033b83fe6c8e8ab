"""What other teams and the network tell us: each a fact with its own business key.

Two messages with the same business key say the same thing when these are equal; otherwise
one of them is wrong.
"""

from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from txplatform.domain.ids import AccountId, PaymentId, TransactionId
from txplatform.domain.purchase import Merchant
from txplatform.domain.status import AccountStatus


@dataclass(frozen=True, slots=True)
class Opening:
    """An account was opened; its limit is limit version 0.

    Attributes:
        credit_limit: Minor units of `currency`.
        opened_at: The accounts team's time, UTC; None where the caller gave none.
    """

    account_id: AccountId
    currency: str
    credit_limit: int
    opened_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LimitChange:
    """The credit limit was changed; a higher `limit_version` is newer."""

    account_id: AccountId
    credit_limit: int
    currency: str
    limit_version: int
    effective_at: datetime


@dataclass(frozen=True, slots=True)
class Payment:
    """The cardholder paid; lowers what is owed by `amount` minor units."""

    payment_id: PaymentId
    account_id: AccountId
    amount: int
    currency: str
    submitted_at: datetime


@dataclass(frozen=True, slots=True)
class PaymentReturn:
    """The bank took a payment back; amount and currency have to be the payment's."""

    payment_id: PaymentId
    account_id: AccountId
    amount: int
    currency: str
    reason: str
    returned_at: datetime


@dataclass(frozen=True, slots=True)
class StatusChange:
    """The accounts team changed the status; a higher `status_version` is newer."""

    account_id: AccountId
    status: AccountStatus
    status_version: int
    reason: str
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class OperatorStatus:
    """An operator froze, closed or released the account."""

    status_id: str
    account_id: AccountId
    status: AccountStatus
    reason: str


@dataclass(frozen=True, slots=True)
class ControlsChange:
    """The account is given rules of its own, as plain values, instead of those it had."""

    controls_id: str
    account_id: AccountId
    rules: tuple[dict[str, Any], ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Increment:
    """The merchant asks to raise a hold by `amount` minor units."""

    increment_id: str
    transaction_id: TransactionId
    account_id: AccountId
    amount: int


@dataclass(frozen=True, slots=True)
class Reversal:
    """The merchant gives a purchase up.

    Attributes:
        amount: Minor units; None for all of it.
    """

    reversal_id: str
    transaction_id: TransactionId
    account_id: AccountId
    amount: int | None = None


class Direction(StrEnum):
    """Which way a presentment moves money: a debit is owed by the cardholder."""

    DEBIT = "debit"
    CREDIT = "credit"


@dataclass(frozen=True, slots=True)
class Clearing:
    """The network presents a purchase for settlement.

    Attributes:
        transaction_id: The purchase's; None for one that was never authorized (a force post).
        amount: Minor units of `currency`.
        final: Whether nothing more is to come, so that the rest of the hold is released.
        occurred_at: As an HTTP caller gives it, UTC.
        presented_at: As the network's message gives it, UTC.
    """

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


@dataclass(frozen=True, slots=True)
class Correction:
    """The network takes back what it presented.

    Attributes:
        clearing_id: Of the correction itself.
        reverses_clearing_id: Of what it takes back, a clearing or a refund.
        direction: Credit where a clearing is taken back, debit where a refund is.
    """

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


@dataclass(frozen=True, slots=True)
class Refund:
    """The merchant gives money back, with or without naming the purchase."""

    refund_id: str
    account_id: AccountId
    transaction_id: TransactionId | None
    amount: int
    currency: str
    merchant: Merchant | None = None
    original_amount: int | None = None
    original_currency: str | None = None
    presented_at: datetime | None = None


WaitingMessage = Payment | PaymentReturn | LimitChange | Clearing | Correction | Refund
"""Messages that can arrive before their prerequisite: the account, or for a return the payment."""

F = TypeVar("F", Clearing, Refund)


def says_the_same(first: F, second: F) -> bool:
    """Whether two copies agree in the fields that both have: HTTP and Kafka differ in some."""
    return all(
        one == other or (name in _OPTIONAL and (one is None or other is None))
        for name, one, other in (
            (field.name, getattr(first, field.name), getattr(second, field.name))
            for field in fields(first)
        )
    )


_OPTIONAL = frozenset(
    {"merchant", "original_amount", "original_currency", "occurred_at", "presented_at"}
)

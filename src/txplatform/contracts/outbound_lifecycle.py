"""The bodies of the messages about clearings, refunds, reversals and expired holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, assert_never

from txplatform.contracts.times import rfc3339, rfc3339_or_none
from txplatform.domain.advices import Direction
from txplatform.domain.events import (
    AuthorizationReversed,
    ClearingCorrected,
    Flag,
    HoldExpired,
    PurchaseCleared,
    PurchaseRefunded,
)
from txplatform.domain.ids import account_of
from txplatform.domain.money import Balance
from txplatform.domain.requests import Merchant


@dataclass(frozen=True, slots=True)
class TransactionCleared:
    """`transactions.transaction-cleared.v1`: the network posted a clearing, or took one back.

    The sum of `posted_change` here and in `transaction-refunded` is the whole effect of settlement
    on the amount that the account owes.

    Attributes:
        transaction_id: The purchase's; null for one that was never authorized.
        direction: `debit` is owed by the cardholder; `credit` takes a clearing back.
        reverses_clearing_id: The clearing or refund that a correction takes back; null for a
            clearing.
        amount: Minor units of `currency`, never negative.
        posted_change: The change of the amount owed; negative for a credit.
        final: True if no more clearings of the purchase follow.
        released: The part of the hold that it released; 0 for a correction.
        flags: Anything unusual about it.
        balance: The money after it.
        occurred_at: As an HTTP caller gave it, RFC 3339 UTC.
        presented_at: As the network's message gave it, RFC 3339 UTC.
        account_version: The account's version with it.
        recorded_at: RFC 3339 UTC.
    """

    TOPIC: ClassVar[str] = "transactions.transaction-cleared.v1"

    clearing_id: str
    account_id: str
    transaction_id: str | None
    direction: Direction
    reverses_clearing_id: str | None
    amount: int
    currency: str
    posted_change: int
    final: bool
    released: int
    flags: tuple[Flag, ...]
    balance: Balance
    merchant: Merchant | None
    original_amount: int | None
    original_currency: str | None
    occurred_at: str | None
    presented_at: str | None
    account_version: int
    event_id: str
    recorded_at: str


def transaction_cleared(event: PurchaseCleared | ClearingCorrected) -> TransactionCleared:
    """Return the message of a clearing, or of what the network took back."""
    match event:
        case PurchaseCleared(clearing=command):
            direction, reverses, final = Direction.DEBIT, None, command.final
            released, occurred_at = event.released, command.occurred_at
        case ClearingCorrected(correction=command):
            direction, reverses, final = command.direction, command.reverses_clearing_id, False
            released, occurred_at = 0, None
        case _:
            assert_never(event)
    return TransactionCleared(
        clearing_id=command.clearing_id,
        account_id=account_of(event.originator_id),
        transaction_id=command.transaction_id,
        direction=direction,
        reverses_clearing_id=reverses,
        amount=command.amount,
        currency=command.currency,
        posted_change=command.amount if direction is Direction.DEBIT else -command.amount,
        final=final,
        released=released,
        flags=event.flags,
        balance=event.balance,
        merchant=command.merchant,
        original_amount=command.original_amount,
        original_currency=command.original_currency,
        occurred_at=rfc3339_or_none(occurred_at),
        presented_at=rfc3339_or_none(command.presented_at),
        account_version=event.originator_version,
        event_id=event.event_id,
        recorded_at=rfc3339(event.timestamp),
    )


@dataclass(frozen=True, slots=True)
class TransactionRefunded:
    """`transactions.transaction-refunded.v1`: the merchant gave money back.

    Attributes:
        refund_id: Of one over Kafka, the presentment's clearing id.
        transaction_id: The purchase's; null if it was not named.
        amount: Minor units of `currency`, never negative.
        posted_change: The change of the amount owed: the amount, negative.
        flags: Anything unusual about it.
        balance: The money after it.
        presented_at: As the network's message gave it, RFC 3339 UTC.
        account_version: The account's version with it.
        recorded_at: RFC 3339 UTC.
    """

    TOPIC: ClassVar[str] = "transactions.transaction-refunded.v1"

    refund_id: str
    account_id: str
    transaction_id: str | None
    amount: int
    currency: str
    posted_change: int
    flags: tuple[Flag, ...]
    balance: Balance
    merchant: Merchant | None
    original_amount: int | None
    original_currency: str | None
    presented_at: str | None
    account_version: int
    event_id: str
    recorded_at: str


def transaction_refunded(event: PurchaseRefunded) -> TransactionRefunded:
    """Return the message of a refund."""
    refund = event.refund
    return TransactionRefunded(
        refund_id=refund.refund_id,
        account_id=account_of(event.originator_id),
        transaction_id=refund.transaction_id,
        amount=refund.amount,
        currency=refund.currency,
        posted_change=-refund.amount,
        flags=event.flags,
        balance=event.balance,
        merchant=refund.merchant,
        original_amount=refund.original_amount,
        original_currency=refund.original_currency,
        presented_at=rfc3339_or_none(refund.presented_at),
        account_version=event.originator_version,
        event_id=event.event_id,
        recorded_at=rfc3339(event.timestamp),
    )


@dataclass(frozen=True, slots=True)
class TransactionReversed:
    """`transactions.transaction-reversed.v1`: the merchant gave a purchase up, or a part of it.

    Attributes:
        amount: The amount given up, minor units; null for all of it.
        released: The part of the hold that it released.
        balance: The money after it; null if the account has not been opened.
        account_version: The account's version with it.
        recorded_at: RFC 3339 UTC.
    """

    TOPIC: ClassVar[str] = "transactions.transaction-reversed.v1"

    reversal_id: str
    account_id: str
    transaction_id: str
    amount: int | None
    released: int
    balance: Balance | None
    account_version: int
    event_id: str
    recorded_at: str


def transaction_reversed(event: AuthorizationReversed) -> TransactionReversed:
    """Return the message of a reversal."""
    reversal = event.reversal
    return TransactionReversed(
        reversal_id=reversal.reversal_id,
        account_id=account_of(event.originator_id),
        transaction_id=reversal.transaction_id,
        amount=reversal.amount,
        released=event.released,
        balance=event.balance,
        account_version=event.originator_version,
        event_id=event.event_id,
        recorded_at=rfc3339(event.timestamp),
    )


@dataclass(frozen=True, slots=True)
class TransactionHoldExpired:
    """`transactions.hold-expired.v1`: nothing cleared a hold in time.

    Attributes:
        released: The amount that was held, minor units.
        balance: The money after it.
        account_version: The account's version with it.
        recorded_at: RFC 3339 UTC.
    """

    TOPIC: ClassVar[str] = "transactions.hold-expired.v1"

    transaction_id: str
    account_id: str
    released: int
    balance: Balance
    account_version: int
    event_id: str
    recorded_at: str


def hold_expired(event: HoldExpired) -> TransactionHoldExpired:
    """Return the message of a hold that expired."""
    return TransactionHoldExpired(
        transaction_id=event.transaction,
        account_id=account_of(event.originator_id),
        released=event.released,
        balance=event.balance,
        account_version=event.originator_version,
        event_id=event.event_id,
        recorded_at=rfc3339(event.timestamp),
    )

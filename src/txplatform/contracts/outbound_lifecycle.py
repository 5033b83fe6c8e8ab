"""The bodies of the messages that tell other teams what became of an authorization."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, assert_never

from txplatform.contracts.same_fields import from_event
from txplatform.contracts.times import rfc3339, rfc3339_or_none
from txplatform.domain.advices import Direction
from txplatform.domain.events import (
    AuthorizationReversed,
    ClearingCorrected,
    HoldExpired,
    PurchaseCleared,
    PurchaseRefunded,
)
from txplatform.domain.money import Balance
from txplatform.domain.requests import Merchant
from txplatform.domain.transaction_flags import Flag


@dataclass(frozen=True, slots=True)
class TransactionCleared:
    """`transactions.transaction-cleared.v1`: the network posted a clearing, or took one back.

    The sum of `posted_change` here and in `transaction-refunded` is all that settlement ever
    did to what the account owes.

    Attributes:
        transaction_id: The purchase's; null for one that was never authorized.
        direction: `debit` is owed by the cardholder; `credit` takes a clearing back.
        reverses_clearing_id: What a correction takes back, a clearing or a refund; null for a
            clearing.
        amount: Minor units of `currency`, never negative.
        posted_change: What it added to what is owed; negative for a credit.
        final: Whether nothing more of the purchase is to come.
        released: What it released of the hold; 0 for a correction.
        flags: What is unusual about it.
        balance: The money after it.
        occurred_at: As an HTTP caller gave it, RFC 3339 UTC.
        presented_at: As the network's message gave it, RFC 3339 UTC.
        account_version: The account's version with it.
        recorded_at: RFC 3339 UTC.
    """

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
    outcome: dict[str, Any]
    match event:
        case PurchaseCleared(clearing=value):
            outcome = {
                "direction": Direction.DEBIT,
                "reverses_clearing_id": None,
                "occurred_at": rfc3339_or_none(value.occurred_at),
            }
        case ClearingCorrected(correction=value):
            outcome = {
                "direction": value.direction,
                "final": False,
                "released": 0,
                "occurred_at": None,
            }
        case _:
            assert_never(event)
    debit = outcome["direction"] is Direction.DEBIT
    return from_event(
        TransactionCleared,
        event,
        value,
        posted_change=value.amount if debit else -value.amount,
        presented_at=rfc3339_or_none(value.presented_at),
        recorded_at=rfc3339(event.timestamp),
        **outcome,
    )


@dataclass(frozen=True, slots=True)
class TransactionRefunded:
    """`transactions.transaction-refunded.v1`: the merchant gave money back.

    Attributes:
        refund_id: Where it came over Kafka, the presentment's clearing id.
        transaction_id: The purchase's; null where it was not named.
        amount: Minor units of `currency`, never negative.
        posted_change: What it added to what is owed: the amount, negative.
        flags: What is unusual about it.
        balance: The money after it.
        presented_at: As the network's message gave it, RFC 3339 UTC.
        account_version: The account's version with it.
        recorded_at: RFC 3339 UTC.
    """

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
    return from_event(
        TransactionRefunded,
        event,
        refund,
        posted_change=-refund.amount,
        presented_at=rfc3339_or_none(refund.presented_at),
        recorded_at=rfc3339(event.timestamp),
    )


@dataclass(frozen=True, slots=True)
class TransactionReversed:
    """`transactions.transaction-reversed.v1`: the merchant gave a purchase up, or a part of it.

    Attributes:
        amount: What was given up, minor units; null for all of it.
        released: What it released of the hold.
        balance: The money after it; null where the account has not been opened.
        account_version: The account's version with it.
        recorded_at: RFC 3339 UTC.
    """

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
    return from_event(
        TransactionReversed, event, event.reversal, recorded_at=rfc3339(event.timestamp)
    )


@dataclass(frozen=True, slots=True)
class TransactionHoldExpired:
    """`transactions.hold-expired.v1`: nothing cleared a hold in time.

    Attributes:
        released: What was held, minor units.
        balance: The money after it.
        account_version: The account's version with it.
        recorded_at: RFC 3339 UTC.
    """

    transaction_id: str
    account_id: str
    released: int
    balance: Balance
    account_version: int
    event_id: str
    recorded_at: str


def hold_expired(event: HoldExpired) -> TransactionHoldExpired:
    """Return the message of a hold that expired."""
    return from_event(TransactionHoldExpired, event, event, recorded_at=rfc3339(event.timestamp))

"""The bodies of the messages about transactions that we publish to Kafka.

Most are built from a decoded event, by copying the fields that have the same name in the event or
its command. Only `TransactionDecisioned` is encoded directly from the event's stored JSON
(`publisher/transaction_decisioned.py`).
"""

from dataclasses import dataclass
from typing import ClassVar, assert_never

from txplatform.contracts import response_fields as out
from txplatform.contracts.decision import DecisionFields
from txplatform.contracts.encoding import rfc3339_or_none
from txplatform.contracts.holds import IncrementResponse, increment_response
from txplatform.contracts.same_fields import from_event, from_same_fields
from txplatform.domain.advices import Direction
from txplatform.domain.events import (
    AuthorizationIncremented,
    AuthorizationReversed,
    ClearingCorrected,
    HoldExpired,
    IncrementDeclined,
    PurchaseCleared,
    PurchaseRefunded,
)
from txplatform.domain.money import Balance
from txplatform.domain.requests import Merchant


@dataclass(slots=True)
class TransactionDecisioned(DecisionFields):
    """`transactions.transaction-decisioned.v1`: a decision, with details of the purchase.

    Attributes:
        balance: The balance after the decision, minor units; null if the account was never opened.
        merchant: The merchant where the card was used.
        occurred_at: The merchant's timestamp, RFC 3339 UTC; null if the request had none.
        reference: As sent; null if the request had none.
        metadata: As sent, after trimming; null if the request had none.
        held: The amount added to the holds, minor units: 0 for a decline, and less than `amount` if
            a clearing or reversal arrived before the purchase.
    """

    TOPIC: ClassVar[str] = "transactions.transaction-decisioned.v1"

    merchant: Merchant
    occurred_at: out.Time | None
    reference: out.Reference | None
    metadata: out.Metadata | None
    held: out.Held


@dataclass(frozen=True, slots=True)
class AuthorizationIncrement(IncrementResponse):
    """`transactions.authorization-incremented.v1`: a decision on an increment.

    Attributes:
        balance: The balance after the decision, minor units; null if the account was never opened.
        held: The amount added to the hold, minor units: 0 for a decline.
    """

    TOPIC: ClassVar[str] = "transactions.authorization-incremented.v1"

    held: out.Held


def authorization_increment(
    event: AuthorizationIncremented | IncrementDeclined,
) -> AuthorizationIncrement:
    """Return the message for a decision on an increment."""
    return from_same_fields(
        AuthorizationIncrement, increment_response(event), held=event.pending_change
    )


@dataclass(frozen=True, slots=True)
class TransactionCleared:
    """`transactions.transaction-cleared.v1`: a clearing or a correction was posted.

    A correction takes an earlier clearing, credit or correction back. The net amount settled is the
    sum of `posted_change` in this topic and in `transactions.transaction-refunded.v1`.

    Attributes:
        transaction_id: The purchase's id; null if the purchase was never authorized. A correction
            has that of the clearing or credit that it takes back.
        merchant: The merchant where the card was used; null if unknown.
        direction: `debit` for a clearing; for a correction, the opposite of its original's.
        reverses_clearing_id: The id of the presentment that is taken back; null for a clearing.
        amount: The change in the amount owed, minor units of `currency`; negative for the
            correction of a clearing.
        posted_change: The same as `amount`.
        final: True for the last clearing of the purchase; false for a correction.
        released: The amount released from the hold, minor units; 0 for a correction.
        flags: Unusual circumstances, and flaws of the description. They never prevent posting.
        balance: The balance after the event, minor units.
        occurred_at: When the purchase was made or cleared, RFC 3339 UTC; null if unknown.
        presented_at: When the network presented it, RFC 3339 UTC; null if unknown.
        account_version: The account's version after the event.
        recorded_at: RFC 3339 UTC.
    """

    TOPIC: ClassVar[str] = "transactions.transaction-cleared.v1"

    clearing_id: out.BusinessId
    account_id: out.AccountId
    transaction_id: out.TransactionId | None
    direction: Direction
    reverses_clearing_id: out.BusinessId | None
    amount: out.SignedAmount
    currency: out.CurrencyCode
    posted_change: out.SignedAmount
    final: bool
    released: out.Held
    flags: out.Flags
    balance: Balance
    merchant: Merchant | None
    original_amount: out.Amount | None
    original_currency: out.CurrencyCode | None
    occurred_at: out.Time | None
    presented_at: out.Time | None
    reference: out.Reference | None
    metadata: out.Metadata | None
    account_version: out.AccountVersion
    event_id: out.EventId
    recorded_at: out.Time


def transaction_cleared(event: PurchaseCleared | ClearingCorrected) -> TransactionCleared:
    """Return the message for a clearing or a correction."""
    match event:
        case PurchaseCleared(clearing=clearing):
            return from_event(
                TransactionCleared,
                event,
                posted_change=clearing.amount,
                occurred_at=rfc3339_or_none(clearing.occurred_at),
                presented_at=rfc3339_or_none(clearing.presented_at),
            )
        case ClearingCorrected(correction=correction):
            return from_event(
                TransactionCleared,
                event,
                transaction_id=event.transaction_id,
                amount=correction.posted_change,
                final=False,
                released=0,
                occurred_at=rfc3339_or_none(correction.occurred_at),
                presented_at=rfc3339_or_none(correction.presented_at),
            )
        case _:
            assert_never(event)


@dataclass(frozen=True, slots=True)
class TransactionRefunded:
    """`transactions.transaction-refunded.v1`: the merchant refunded money.

    Attributes:
        refund_id: The refund's id; if it came from Kafka, the `clearing_id` of its message.
        transaction_id: The purchase's id; null if the refund names no purchase.
        amount: Minor units of `currency`, never negative.
        posted_change: The change in the amount owed, minor units; always `-amount`.
        merchant: The merchant that refunded; null if unknown.
        flags: Unusual circumstances, and flaws of the description. They never prevent posting.
        balance: The balance after the refund, minor units.
        occurred_at: When the refund was made, RFC 3339 UTC; null if unknown.
        presented_at: When the network presented it, RFC 3339 UTC; null if unknown.
        account_version: The account's version after the refund.
        recorded_at: RFC 3339 UTC.
    """

    TOPIC: ClassVar[str] = "transactions.transaction-refunded.v1"

    refund_id: out.BusinessId
    account_id: out.AccountId
    transaction_id: out.TransactionId | None
    amount: out.Amount
    currency: out.CurrencyCode
    posted_change: out.SignedAmount
    flags: out.Flags
    balance: Balance
    merchant: Merchant | None
    original_amount: out.Amount | None
    original_currency: out.CurrencyCode | None
    occurred_at: out.Time | None
    presented_at: out.Time | None
    reference: out.Reference | None
    metadata: out.Metadata | None
    account_version: out.AccountVersion
    event_id: out.EventId
    recorded_at: out.Time


def transaction_refunded(event: PurchaseRefunded) -> TransactionRefunded:
    """Return the message for a refund."""
    return from_event(
        TransactionRefunded,
        event,
        posted_change=-event.refund.amount,
        occurred_at=rfc3339_or_none(event.refund.occurred_at),
        presented_at=rfc3339_or_none(event.refund.presented_at),
    )


@dataclass(frozen=True, slots=True)
class TransactionReversed:
    """`transactions.transaction-reversed.v1`: the merchant reversed all or part of a purchase.

    Attributes:
        amount: The reversed amount, minor units; null for a full reversal.
        released: The amount released from the hold, minor units.
        flags: If less was released than asked, the reason; also flaws of the description.
        balance: The balance after the reversal, minor units; null if the account was never opened.
        occurred_at: When the merchant reversed it, RFC 3339 UTC; null if unknown.
        account_version: The account's version after the reversal.
        recorded_at: RFC 3339 UTC.
    """

    TOPIC: ClassVar[str] = "transactions.transaction-reversed.v1"

    reversal_id: out.BusinessId
    account_id: out.AccountId
    transaction_id: out.TransactionId
    amount: out.Amount | None
    released: out.Held
    flags: out.Flags
    balance: Balance | None
    occurred_at: out.Time | None
    reference: out.Reference | None
    metadata: out.Metadata | None
    account_version: out.AccountVersion
    event_id: out.EventId
    recorded_at: out.Time


def transaction_reversed(event: AuthorizationReversed) -> TransactionReversed:
    """Return the message for a reversal."""
    return from_event(
        TransactionReversed, event, occurred_at=rfc3339_or_none(event.reversal.occurred_at)
    )


@dataclass(frozen=True, slots=True)
class TransactionHoldExpired:
    """`transactions.hold-expired.v1`: a hold was not cleared in time.

    Attributes:
        released: The amount that was held, minor units.
        balance: The balance after the expiry, minor units.
        account_version: The account's version after the expiry.
        recorded_at: RFC 3339 UTC.
    """

    TOPIC: ClassVar[str] = "transactions.hold-expired.v1"

    transaction_id: out.TransactionId
    account_id: out.AccountId
    released: out.Held
    balance: Balance
    account_version: out.AccountVersion
    event_id: out.EventId
    recorded_at: out.Time


def hold_expired(event: HoldExpired) -> TransactionHoldExpired:
    """Return the message for an expired hold."""
    return from_event(TransactionHoldExpired, event)

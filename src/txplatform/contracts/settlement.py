"""Requests and responses for clearings and refunds."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, assert_never

from pydantic import Field

from txplatform.contracts import response_fields as out
from txplatform.contracts.advice import (
    AdviceRequest,
    DescribedAmount,
    DescribedCurrency,
    DescribedMerchant,
    DescribedMetadata,
    DescribedReference,
    DescribedTime,
    DescribedTransactionId,
)
from txplatform.contracts.body import with_example
from txplatform.contracts.fields import Amount, BodyId, CurrencyCode, idempotency_key
from txplatform.contracts.presentment import PresentmentBody
from txplatform.contracts.process_transaction import EXAMPLE as PURCHASE_EXAMPLE
from txplatform.contracts.same_fields import from_event
from txplatform.domain.advices import Direction
from txplatform.domain.events import (
    ClearingCorrected,
    ClearingWaiting,
    CorrectionWaiting,
    MessageWaiting,
    PurchaseCleared,
    PurchaseRefunded,
    RefundWaiting,
)
from txplatform.domain.money import Balance

PresentmentEvent = (
    PurchaseCleared
    | ClearingCorrected
    | PurchaseRefunded
    | ClearingWaiting
    | CorrectionWaiting
    | RefundWaiting
)
"""The events that record a presentment."""


class ClearingRequest(PresentmentBody, AdviceRequest):
    """A presentment by the network: a clearing, a refund, or a correction of either."""

    model_config = with_example(
        clearing_id="clr-1",
        amount=1200,
        currency="USD",
        final=True,
        occurred_at="2026-11-22T03:00:00Z",
        merchant=PURCHASE_EXAMPLE["merchant"],
        original_amount=1150,
        original_currency="EUR",
        reference="74537606325000000000001",
    )


@dataclass(frozen=True, slots=True)
class ClearingResponse:
    """A recorded presentment, either posted or waiting.

    Attributes:
        transaction_id: The purchase's id; null if the purchase was never authorized.
        direction: `debit` raises what is owed, `credit` lowers it.
        reverses_clearing_id: The presentment that this one takes back; null if it is no correction.
        amount: The amount of the presentment, minor units of `currency`.
        final: True for the last clearing of a purchase; false for a refund or a correction.
        status: `waiting` until the account is opened; for a correction, also until its original
            arrives.
        released: The amount released from the hold, minor units.
        flags: Unusual circumstances, and flaws of the description. They never prevent posting.
        differing_fields: If the presentment is repeated, the describing fields that differ from the
            first one, which stands.
        balance: The balance after the clearing, minor units; null while the clearing waits.
        account_version: The account's version after the clearing was recorded.
        recorded_at: RFC 3339 UTC.
    """

    clearing_id: out.BusinessId
    account_id: out.AccountId
    transaction_id: out.TransactionId | None
    direction: Direction
    reverses_clearing_id: out.BusinessId | None
    amount: out.Amount
    currency: out.CurrencyCode
    final: bool
    status: Literal["applied", "waiting"]
    released: out.Held
    flags: out.Flags
    differing_fields: out.DifferingFields
    reference: out.Reference | None
    metadata: out.Metadata | None
    balance: Balance | None
    account_version: out.AccountVersion
    event_id: out.EventId
    recorded_at: out.Time


def clearing_response(
    event: PresentmentEvent, differing_fields: tuple[str, ...] = ()
) -> ClearingResponse:
    """Return the response for a recorded presentment."""
    given: dict[str, Any]
    match event:
        case PurchaseCleared() | ClearingWaiting():
            given = {}
        case ClearingCorrected() | CorrectionWaiting():
            given = {"final": False}
        case PurchaseRefunded() | RefundWaiting():
            given = {"final": False, "clearing_id": event.refund.refund_id}
        case _:
            assert_never(event)
    if isinstance(event, MessageWaiting):
        given |= {"status": "waiting", "released": 0, "balance": None}
    else:
        given |= {"status": "applied", "released": -event.pending_change}
    return from_event(ClearingResponse, event, differing_fields=differing_fields, **given)


class RefundRequest(AdviceRequest):
    """A merchant's refund."""

    model_config = with_example(
        refund_id="ref-1",
        amount=1200,
        currency="USD",
        merchant=PURCHASE_EXAMPLE["merchant"],
        transaction_id="tx-1001",
        occurred_at="2026-11-22T03:00:00Z",
        reference="74537606325000000000002",
    )

    refund_id: Annotated[BodyId, idempotency_key("ref-1")]
    amount: Annotated[Amount, Field(description="The amount to refund, minor units.")]
    currency: CurrencyCode
    merchant: DescribedMerchant = None
    transaction_id: DescribedTransactionId = None
    occurred_at: DescribedTime = None
    original_amount: DescribedAmount = None
    original_currency: DescribedCurrency = None
    reference: DescribedReference = None
    metadata: DescribedMetadata = None


@dataclass(frozen=True, slots=True)
class RefundResponse:
    """A recorded refund, either posted or waiting for its account to be opened.

    Attributes:
        transaction_id: The purchase's id; null if the request named no purchase.
        status: `waiting` until the account is opened.
        amount: The amount of the refund, minor units of `currency`.
        flags: Unusual circumstances, and flaws of the description. They never prevent posting.
        differing_fields: If the refund is repeated, the describing fields that differ from the
            first one, which stands.
        balance: The balance after the refund, minor units; null while the refund waits.
        account_version: The account's version after the refund was recorded.
        recorded_at: RFC 3339 UTC.
    """

    refund_id: out.BusinessId
    account_id: out.AccountId
    transaction_id: out.TransactionId | None
    amount: out.Amount
    currency: out.CurrencyCode
    status: Literal["applied", "waiting"]
    flags: out.Flags
    differing_fields: out.DifferingFields
    reference: out.Reference | None
    metadata: out.Metadata | None
    balance: Balance | None
    account_version: out.AccountVersion
    event_id: out.EventId
    recorded_at: out.Time


def refund_response(
    event: PurchaseRefunded | RefundWaiting, differing_fields: tuple[str, ...] = ()
) -> RefundResponse:
    """Return the response for a recorded refund."""
    given: dict[str, Any] = (
        {"status": "waiting", "balance": None}
        if isinstance(event, RefundWaiting)
        else {"status": "applied"}
    )
    return from_event(RefundResponse, event, differing_fields=differing_fields, **given)

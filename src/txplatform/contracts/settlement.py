"""Requests and responses for clearings and refunds."""

from dataclasses import dataclass
from typing import Annotated, Literal, assert_never

from pydantic import Field, StrictBool

from txplatform.contracts.body import RequestBody, with_example
from txplatform.contracts.fields import Amount, CurrencyCode, Identifier, UtcTime, idempotency_key
from txplatform.contracts.process_transaction import EXAMPLE as PURCHASE_EXAMPLE
from txplatform.contracts.process_transaction import MerchantFields
from txplatform.contracts.same_fields import from_event
from txplatform.domain.events import (
    ClearingWaiting,
    PurchaseCleared,
    PurchaseRefunded,
    RefundWaiting,
)
from txplatform.domain.flags import Flag
from txplatform.domain.money import Balance


class ClearingRequest(RequestBody):
    """A clearing of a purchase, as presented by the network."""

    model_config = with_example(
        clearing_id="clr-1",
        amount=1200,
        currency="USD",
        final=True,
        occurred_at="2026-11-22T03:00:00Z",
    )

    clearing_id: Annotated[Identifier, idempotency_key("clr-1")]
    amount: Annotated[Amount, Field(description="The amount to post, minor units.")]
    currency: CurrencyCode
    final: Annotated[
        StrictBool,
        Field(description="True if no more clearings follow; releases the rest of the hold."),
    ] = True
    occurred_at: Annotated[UtcTime | None, Field(description="The network's timestamp.")] = None


@dataclass(frozen=True, slots=True)
class ClearingResponse:
    """A recorded clearing, either posted or waiting for its account to be opened.

    Attributes:
        transaction_id: The purchase's id; null if the purchase was never authorized.
        amount: The amount of the clearing, minor units of `currency`.
        released: The amount released from the hold, minor units.
        flags: Unusual circumstances. They never prevent posting.
        balance: The balance after the clearing, minor units; null while the clearing waits.
        account_version: The account's version after the clearing was recorded.
        recorded_at: RFC 3339 UTC.
    """

    clearing_id: str
    account_id: str
    transaction_id: str | None
    amount: int
    currency: str
    final: bool
    status: Literal["applied", "waiting"]
    released: int
    flags: tuple[Flag, ...]
    balance: Balance | None
    account_version: int
    event_id: str
    recorded_at: str


def clearing_response(event: PurchaseCleared | ClearingWaiting) -> ClearingResponse:
    """Return the response for a recorded clearing."""
    match event:
        case PurchaseCleared():
            return from_event(ClearingResponse, event, status="applied")
        case ClearingWaiting():
            return from_event(
                ClearingResponse, event, status="waiting", released=0, flags=(), balance=None
            )
        case _:
            assert_never(event)


class RefundRequest(RequestBody):
    """A merchant's refund."""

    model_config = with_example(
        refund_id="ref-1",
        amount=1200,
        currency="USD",
        merchant=PURCHASE_EXAMPLE["merchant"],
        transaction_id="tx-1001",
    )

    refund_id: Annotated[Identifier, idempotency_key("ref-1")]
    amount: Annotated[Amount, Field(description="The amount to refund, minor units.")]
    currency: CurrencyCode
    merchant: MerchantFields | None = None
    transaction_id: Annotated[
        Identifier | None, Field(description="The id of the refunded purchase, if known.")
    ] = None


@dataclass(frozen=True, slots=True)
class RefundResponse:
    """A recorded refund, either posted or waiting for its account to be opened.

    Attributes:
        transaction_id: The purchase's id; null if the request named no purchase.
        amount: The amount of the refund, minor units of `currency`.
        flags: Unusual circumstances. They never prevent posting.
        balance: The balance after the refund, minor units; null while the refund waits.
        account_version: The account's version after the refund was recorded.
        recorded_at: RFC 3339 UTC.
    """

    refund_id: str
    account_id: str
    transaction_id: str | None
    amount: int
    currency: str
    status: Literal["applied", "waiting"]
    flags: tuple[Flag, ...]
    balance: Balance | None
    account_version: int
    event_id: str
    recorded_at: str


def refund_response(event: PurchaseRefunded | RefundWaiting) -> RefundResponse:
    """Return the response for a recorded refund."""
    match event:
        case PurchaseRefunded():
            return from_event(RefundResponse, event, status="applied")
        case RefundWaiting():
            return from_event(RefundResponse, event, status="waiting", flags=(), balance=None)
        case _:
            assert_never(event)

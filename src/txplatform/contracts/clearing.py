"""Clearing a purchase: the request, and the response made from the stored event alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal, assert_never

from pydantic import ConfigDict, Field, StrictBool

from txplatform.contracts.body import RequestBody
from txplatform.contracts.fields import Amount, CurrencyCode, Identifier, UtcTime
from txplatform.contracts.same_fields import from_event
from txplatform.domain.events import ClearingWaiting, Flag, PurchaseCleared
from txplatform.domain.money import Balance


class ClearingRequest(RequestBody):
    """A clearing of a purchase, as the network presents it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "clearing_id": "clr-1",
                    "amount": 1200,
                    "currency": "USD",
                    "final": True,
                    "occurred_at": "2026-11-22T03:00:00Z",
                }
            ]
        },
    )

    clearing_id: Annotated[
        Identifier,
        Field(description="The idempotency key, permanently.", examples=["clr-1"]),
    ]
    amount: Annotated[Amount, Field(description="The amount to post, minor units.")]
    currency: CurrencyCode
    final: Annotated[
        StrictBool,
        Field(description="No more clearings follow: the rest of the hold is released."),
    ] = True
    occurred_at: Annotated[UtcTime | None, Field(description="The network's time.")] = None


@dataclass(frozen=True, slots=True)
class ClearingResponse:
    """A clearing that is posted, or that waits until its account is opened.

    Attributes:
        transaction_id: The purchase's; null for one that was never authorized.
        amount: The amount posted, minor units of `currency`.
        released: The part of the hold that it released.
        flags: Anything unusual about it; it is posted all the same.
        balance: The money after it; null while it waits.
        account_version: The account's version with it.
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
    """Return the response that this event stands for."""
    outcome: dict[str, Any]
    match event:
        case PurchaseCleared():
            outcome = {"status": "applied"}
        case ClearingWaiting():
            outcome = {"status": "waiting", "released": 0, "flags": (), "balance": None}
        case _:
            assert_never(event)
    return from_event(ClearingResponse, event, **outcome)

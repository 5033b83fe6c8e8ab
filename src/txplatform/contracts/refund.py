"""A refund: the request, and the response made from the stored event alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal, assert_never

from pydantic import ConfigDict, Field

from txplatform.contracts.body import RequestBody
from txplatform.contracts.fields import Amount, CurrencyCode, Identifier
from txplatform.contracts.process_transaction import MerchantFields
from txplatform.contracts.same_fields import from_event
from txplatform.domain.events import Flag, PurchaseRefunded, RefundWaiting
from txplatform.domain.money import Balance


class RefundRequest(RequestBody):
    """A refund by the merchant."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "refund_id": "ref-1",
                    "amount": 1200,
                    "currency": "USD",
                    "merchant": {
                        "id": "m-17",
                        "name": "Corner Books",
                        "category_code": "5942",
                        "country": "USA",
                    },
                    "transaction_id": "tx-1001",
                }
            ]
        },
    )

    refund_id: Annotated[
        Identifier,
        Field(description="The idempotency key, permanently.", examples=["ref-1"]),
    ]
    amount: Annotated[Amount, Field(description="The amount refunded, minor units.")]
    currency: CurrencyCode
    merchant: MerchantFields | None = None
    transaction_id: Annotated[
        Identifier | None, Field(description="The purchase that is refunded, if known.")
    ] = None


@dataclass(frozen=True, slots=True)
class RefundResponse:
    """A refund that is posted, or that waits until its account is opened.

    Attributes:
        transaction_id: The purchase's; null if the request named none.
        amount: The amount refunded, minor units of `currency`.
        flags: Anything unusual about it; it is posted all the same.
        balance: The money after it; null while it waits.
        account_version: The account's version with it.
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
    """Return the response that this event stands for."""
    outcome: dict[str, Any]
    match event:
        case PurchaseRefunded():
            outcome = {"status": "applied"}
        case RefundWaiting():
            outcome = {"status": "waiting", "flags": (), "balance": None}
        case _:
            assert_never(event)
    return from_event(RefundResponse, event, **outcome)

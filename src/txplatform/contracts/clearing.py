"""Clearing a purchase: the request, and the answer made from the stored event alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from txplatform.contracts.fields import Amount, CurrencyCode, Identifier, UtcTime
from txplatform.contracts.times import rfc3339
from txplatform.domain.advices import Clearing
from txplatform.domain.events import ClearingWaiting, PurchaseCleared
from txplatform.domain.ids import AccountId, TransactionId, account_of
from txplatform.domain.money import Balance
from txplatform.domain.transaction_flags import Flag


class ClearingRequest(BaseModel):
    """What the network presents of a purchase."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
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
        Field(description="The idempotency key, for ever.", examples=["clr-1"]),
    ]
    amount: Annotated[Amount, Field(description="What is posted, minor units.")]
    currency: CurrencyCode
    final: Annotated[
        StrictBool,
        Field(description="Nothing more is to come: the rest of the hold is released."),
    ] = True
    occurred_at: Annotated[UtcTime | None, Field(description="The network's time.")] = None

    def to_clearing(self, account_id: str, transaction_id: str | None) -> Clearing:
        """The clearing that is presented."""
        return Clearing(
            self.clearing_id,
            AccountId(account_id),
            None if transaction_id is None else TransactionId(transaction_id),
            self.amount,
            self.currency,
            self.final,
            occurred_at=self.occurred_at,
        )


@dataclass(frozen=True, slots=True)
class ClearingResponse:
    """A clearing as it was posted, or as it waits for its account to be opened.

    Attributes:
        transaction_id: The purchase's; null for one that was never authorized.
        amount: What is posted, minor units of `currency`.
        released: What it released of the hold.
        flags: What is unusual about it; it is posted all the same.
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


def clearing_answer(event: PurchaseCleared | ClearingWaiting) -> ClearingResponse:
    """The answer that this event stands for."""
    clearing = event.clearing
    status: Literal["applied", "waiting"]
    flags: tuple[Flag, ...]
    balance: Balance | None
    match event:
        case PurchaseCleared():
            status, released, flags, balance = "applied", event.released, event.flags, event.balance
        case ClearingWaiting():
            status, released, flags, balance = "waiting", 0, (), None
    return ClearingResponse(
        clearing.clearing_id,
        account_of(event.originator_id),
        clearing.transaction_id,
        clearing.amount,
        clearing.currency,
        clearing.final,
        status,
        released,
        flags,
        balance,
        event.originator_version,
        event.event_id,
        rfc3339(event.timestamp),
    )

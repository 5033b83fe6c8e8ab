"""A reversal: the request, and the response made from the stored event alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from txplatform.contracts.body import RequestBody
from txplatform.contracts.fields import Amount, Identifier
from txplatform.contracts.same_fields import from_event
from txplatform.domain.events import AuthorizationReversed
from txplatform.domain.money import Balance


class ReversalRequest(RequestBody):
    """A purchase, or a part of it, that the merchant gives up."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"reversal_id": "rev-1", "amount": 250}]},
    )

    reversal_id: Annotated[
        Identifier,
        Field(description="The idempotency key, permanently.", examples=["rev-1"]),
    ]
    amount: Annotated[
        Amount | None, Field(description="Minor units; null or absent for all of it.")
    ] = None


@dataclass(frozen=True, slots=True)
class ReversalResponse:
    """The effect of a reversal.

    Attributes:
        amount: The amount given up, minor units; null for all of it.
        status: Always `applied`: a reversal waits for nothing. Later events of its purchase take
            it into account.
        released: The part of the hold that it released.
        balance: The money after it; null if the account has not been opened.
        account_version: The account's version with it.
        recorded_at: RFC 3339 UTC.
    """

    reversal_id: str
    account_id: str
    transaction_id: str
    amount: int | None
    status: Literal["applied"]
    released: int
    balance: Balance | None
    account_version: int
    event_id: str
    recorded_at: str


def reversal_response(event: AuthorizationReversed) -> ReversalResponse:
    """Return the response that this event stands for."""
    return from_event(
        ReversalResponse,
        event,
        status="applied",
    )

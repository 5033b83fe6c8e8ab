"""An increment of a hold: the request, and the response made from the stored event alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal, assert_never

from pydantic import ConfigDict, Field

from txplatform.contracts.body import RequestBody
from txplatform.contracts.fields import Amount, Identifier
from txplatform.contracts.same_fields import from_event
from txplatform.domain.events import AuthorizationIncremented, IncrementDeclined
from txplatform.domain.money import Balance
from txplatform.domain.reasons import Reason


class IncrementRequest(RequestBody):
    """An increment of a hold to decide."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"increment_id": "inc-1", "amount": 300}]},
    )

    increment_id: Annotated[
        Identifier,
        Field(description="The idempotency key, permanently.", examples=["inc-1"]),
    ]
    amount: Annotated[Amount, Field(description="The increment, minor units.")]


@dataclass(frozen=True, slots=True)
class IncrementResponse:
    """The decision on an increment.

    Attributes:
        response_code: ISO 8583:1987 field 39; of a decline, its first reason's.
        reasons: Every refusal, most important first.
        amount: The increment, minor units.
        balance: The money after it; null if there is no account.
        ruleset: The rule set that decided.
        account_version: The account's version with this decision.
        decided_at: RFC 3339 UTC.
    """

    increment_id: str
    transaction_id: str
    account_id: str
    decision: Literal["approved", "declined"]
    response_code: str
    reasons: tuple[Reason, ...]
    amount: int
    balance: Balance | None
    ruleset: str
    account_version: int
    event_id: str
    decided_at: str


def increment_response(event: AuthorizationIncremented | IncrementDeclined) -> IncrementResponse:
    """Return the response that this event stands for."""
    outcome: dict[str, Any]
    match event:
        case AuthorizationIncremented():
            outcome = {"decision": "approved", "reasons": ()}
        case IncrementDeclined():
            outcome = {"decision": "declined"}
        case _:
            assert_never(event)
    return from_event(IncrementResponse, event, **outcome)

"""Increments and reversals of a hold: the requests, and the responses from stored events."""

from dataclasses import dataclass
from typing import Annotated, Literal, assert_never

from pydantic import Field

from txplatform.contracts.body import RequestBody, with_example
from txplatform.contracts.fields import Amount, Identifier, idempotency_key
from txplatform.contracts.same_fields import from_event
from txplatform.domain.events import (
    AuthorizationIncremented,
    AuthorizationReversed,
    IncrementDeclined,
)
from txplatform.domain.money import Balance
from txplatform.domain.reasons import Reason


class IncrementRequest(RequestBody):
    """An increment of a hold to decide."""

    model_config = with_example(increment_id="inc-1", amount=300)

    increment_id: Annotated[Identifier, idempotency_key("inc-1")]
    amount: Annotated[Amount, Field(description="The increment, minor units.")]


@dataclass(frozen=True, slots=True)
class IncrementResponse:
    """The decision on an increment.

    Attributes:
        response_code: ISO 8583:1987 field 39; for a decline, the code of the first reason.
        reasons: The reason of every rule that refused, most important first.
        amount: The increment, minor units.
        balance: The money after it; null if there is no account.
        ruleset: The rule set that decided.
        account_version: The account's version after the decision.
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
    """Return the decision that an event records."""
    match event:
        case AuthorizationIncremented():
            return from_event(IncrementResponse, event, decision="approved", reasons=())
        case IncrementDeclined():
            return from_event(IncrementResponse, event, decision="declined")
        case _:
            assert_never(event)


class ReversalRequest(RequestBody):
    """A reversal of a purchase, or of a part, by the merchant."""

    model_config = with_example(reversal_id="rev-1", amount=250)

    reversal_id: Annotated[Identifier, idempotency_key("rev-1")]
    amount: Annotated[
        Amount | None, Field(description="Minor units; null or absent for the whole hold.")
    ] = None


@dataclass(frozen=True, slots=True)
class ReversalResponse:
    """The effect of a reversal.

    Attributes:
        amount: The amount reversed, minor units; null for the whole hold.
        status: Always `applied`: a reversal never waits. One that arrives before its authorization
            reduces the later hold.
        released: The amount released from the hold, minor units.
        balance: The money after it; null if the account has not been opened.
        account_version: The account's version after it.
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
    """Return the effect of a reversal that an event records."""
    return from_event(ReversalResponse, event, status="applied")

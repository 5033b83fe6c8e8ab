"""Requests and responses for increments and reversals of a hold."""

from dataclasses import dataclass
from typing import Annotated, Literal, assert_never

from pydantic import Field

from txplatform.contracts import response_fields as out
from txplatform.contracts.advice import (
    AdviceRequest,
    DescribedMetadata,
    DescribedReference,
    DescribedTime,
)
from txplatform.contracts.body import RequestBody, with_example
from txplatform.contracts.encoding import rfc3339_or_none
from txplatform.contracts.fields import Amount, BodyId, BodyIdentifier, idempotency_key
from txplatform.contracts.same_fields import from_event
from txplatform.domain.events import (
    AuthorizationIncremented,
    AuthorizationReversed,
    IncrementDeclined,
)
from txplatform.domain.money import Balance


class IncrementRequest(RequestBody):
    """A request to increase a hold."""

    model_config = with_example(increment_id="inc-1", amount=300)

    increment_id: Annotated[BodyIdentifier, idempotency_key("inc-1")]
    amount: Annotated[Amount, Field(description="The amount to add to the hold, minor units.")]


@dataclass(frozen=True, slots=True)
class IncrementResponse:
    """The decision on an increment.

    Attributes:
        response_code: ISO 8583:1987 field 39; for a decline, the code of the first reason.
        reasons: The reasons of all rules that refused, most important first.
        amount: The requested increment, minor units.
        balance: The balance after the decision, minor units; null if the account was never opened.
        ruleset: The id of the rule set in force.
        expires_at: The time when the raised hold expires, RFC 3339 UTC; null for a decline, or if
            the hold never expires.
        account_version: The account's version after the decision.
        decided_at: RFC 3339 UTC.
    """

    increment_id: out.BusinessId
    transaction_id: out.TransactionId
    account_id: out.AccountId
    decision: out.Decided
    response_code: out.ResponseCode
    reasons: out.Reasons
    amount: out.Amount
    balance: Balance | None
    ruleset: out.RuleSetId
    expires_at: out.Time | None
    account_version: out.AccountVersion
    event_id: out.EventId
    decided_at: out.Time


def increment_response(event: AuthorizationIncremented | IncrementDeclined) -> IncrementResponse:
    """Return the response for a recorded decision on an increment."""
    match event:
        case AuthorizationIncremented():
            return from_event(
                IncrementResponse,
                event,
                decision="approved",
                reasons=(),
                expires_at=rfc3339_or_none(event.expires_at),
            )
        case IncrementDeclined():
            return from_event(IncrementResponse, event, decision="declined", expires_at=None)
        case _:
            assert_never(event)


class ReversalRequest(AdviceRequest):
    """A merchant's reversal of all or part of a purchase."""

    model_config = with_example(
        reversal_id="rev-1", amount=250, occurred_at="2026-11-21T09:30:00Z", reference="order-77"
    )

    reversal_id: Annotated[BodyId, idempotency_key("rev-1")]
    amount: Annotated[
        Amount | None, Field(description="Minor units; null or absent to reverse the whole hold.")
    ] = None
    occurred_at: DescribedTime = None
    reference: DescribedReference = None
    metadata: DescribedMetadata = None


@dataclass(frozen=True, slots=True)
class ReversalResponse:
    """The effect of a reversal.

    Attributes:
        amount: The requested amount, minor units; null to reverse the whole hold.
        status: Always `applied`. If the reversal arrives before the authorization, the later hold
            is reduced.
        released: The amount released from the hold, minor units.
        flags: If less was released than asked, the reason; also flaws of the description.
        differing_fields: If the reversal is repeated, the describing fields that differ from the
            first one, which stands.
        balance: The balance after the reversal, minor units; null if the account was never opened.
        account_version: The account's version after the reversal.
        recorded_at: RFC 3339 UTC.
    """

    reversal_id: out.BusinessId
    account_id: out.AccountId
    transaction_id: out.TransactionId
    amount: out.Amount | None
    status: Literal["applied"]
    released: out.Held
    flags: out.Flags
    differing_fields: out.DifferingFields
    reference: out.Reference | None
    metadata: out.Metadata | None
    balance: Balance | None
    account_version: out.AccountVersion
    event_id: out.EventId
    recorded_at: out.Time


def reversal_response(
    event: AuthorizationReversed, differing_fields: tuple[str, ...] = ()
) -> ReversalResponse:
    """Return the response for a recorded reversal."""
    return from_event(ReversalResponse, event, status="applied", differing_fields=differing_fields)

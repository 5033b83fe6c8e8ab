"""The response to `POST /v1/process-transaction`. The published message has the same fields.

A response is made from the stored event, so a repeated request gets the same response.
"""

from dataclasses import dataclass
from typing import Annotated, Literal, assert_never

from pydantic import Field
from typing_extensions import TypeAliasType

from txplatform.contracts import response_fields as out
from txplatform.contracts.encoding import rfc3339
from txplatform.contracts.json_schemas import tagged_by
from txplatform.contracts.same_fields import from_same_fields
from txplatform.domain.events import AuthorizationApproved, AuthorizationDeclined
from txplatform.domain.money import Balance

Decision = AuthorizationApproved | AuthorizationDeclined
"""The events that record a decision on a purchase."""


@dataclass(slots=True)  # not frozen: every decision creates one, and freezing triples the cost
class DecisionFields:
    """The fields that a decision, a dry run and the published message share.

    Attributes:
        response_code: ISO 8583:1987 field 39; for a decline, the code of the first reason.
        authorization_code: Six characters; null for a decline.
        balance: The balance after the decision, minor units; null if the account was never opened.
        ruleset: The id of the rule set in force.
        account_version: The account's version after the decision.
        decided_at: RFC 3339 UTC.
    """

    transaction_id: out.TransactionId
    account_id: out.AccountId
    decision: out.Decided
    response_code: out.ResponseCode
    authorization_code: out.AuthorizationCode | None
    reasons: out.Reasons
    amount: out.Amount
    currency: out.CurrencyCode
    balance: Balance | None
    ruleset: out.RuleSetId
    account_version: out.AccountVersion
    event_id: out.EventId
    decided_at: out.Time


@dataclass(slots=True)
class DecisionResponse(DecisionFields):
    """The decision on a purchase.

    Attributes:
        kind: `decision`, unlike the response to a dry run.
        response_code: ISO 8583:1987 field 39; for a decline, the code of the first reason.
        authorization_code: Six characters; null for a decline.
        balance: The balance after the decision, minor units; null if the account was never opened.
        ruleset: The id of the rule set in force.
        account_version: The account's version after the decision.
    """

    kind: Literal["decision"]


@dataclass(slots=True)
class DryRunResponse(DecisionFields):
    """The decision that a purchase would get now. Nothing is recorded or held.

    Attributes:
        kind: `dry_run`, unlike the response to a purchase.
        authorization_code: Null, because no code is issued.
        balance: The balance after the purchase, minor units; null if the account was never opened.
        account_version: The version of the account that was evaluated.
        event_id: Null, because no event is recorded.
        decided_at: RFC 3339 UTC.
    """

    event_id: out.EventId | None  # type: ignore[assignment]  # never recorded, so always None
    dry_run: Literal[True]
    kind: Literal["dry_run"]


ProcessTransactionResponse = TypeAliasType(
    "ProcessTransactionResponse",
    Annotated[
        DecisionResponse | DryRunResponse,
        Field(
            description="The decision; with `dry_run=true`, the one that would be made.",
            json_schema_extra=tagged_by("kind"),
        ),
    ],
)


def dry_run_response(event: Decision) -> DryRunResponse:
    """Return the response for a dry run, whose event is not recorded."""
    return from_same_fields(
        DryRunResponse,
        decision_response(event),
        authorization_code=None,
        account_version=event.originator_version - 1,
        event_id=None,
        dry_run=True,
        kind="dry_run",
    )


def decision_response(event: Decision) -> DecisionResponse:
    """Return the response for a decision."""
    decided: tuple[Literal["approved", "declined"], str | None, out.Reasons]
    match event:
        case AuthorizationApproved():
            decided = "approved", event.authorization_code, ()
        case AuthorizationDeclined():
            decided = "declined", None, event.reasons
        case _:
            assert_never(event)
    decision, authorization_code, reasons = decided
    purchase = event.purchase
    return DecisionResponse(
        transaction_id=purchase.transaction_id,
        account_id=purchase.account_id,
        decision=decision,
        response_code=event.response_code,
        authorization_code=authorization_code,
        reasons=reasons,
        amount=purchase.amount,
        currency=purchase.currency,
        balance=event.balance,
        ruleset=event.ruleset,
        account_version=event.originator_version,
        event_id=event.event_id,
        decided_at=rfc3339(event.timestamp),
        kind="decision",
    )

"""The response to `POST /v1/process-transaction`. The published message has the same fields.

A response is made from the stored event, so a repeated request gets the same response.
"""

from dataclasses import dataclass
from typing import Literal, assert_never

from txplatform.contracts.encoding import rfc3339
from txplatform.contracts.same_fields import from_same_fields
from txplatform.domain.events import AuthorizationApproved, AuthorizationDeclined
from txplatform.domain.money import Balance
from txplatform.domain.reasons import Reason

Decision = AuthorizationApproved | AuthorizationDeclined
"""The events that record a decision on a purchase."""


@dataclass(slots=True)  # not frozen: every decision creates one, and freezing triples the cost
class DecisionResponse:
    """The decision on a purchase.

    Attributes:
        response_code: ISO 8583:1987 field 39; for a decline, the code of the first reason.
        authorization_code: Six characters; null for a decline.
        reasons: The reasons of all rules that refused, most important first.
        balance: The balance after the decision, minor units; null if the account was never opened.
        ruleset: The id of the rule set in force.
        account_version: The account's version after the decision.
        decided_at: RFC 3339 UTC.
    """

    transaction_id: str
    account_id: str
    decision: Literal["approved", "declined"]
    response_code: str
    authorization_code: str | None
    reasons: tuple[Reason, ...]
    amount: int
    currency: str
    balance: Balance | None
    ruleset: str
    account_version: int
    event_id: str
    decided_at: str


@dataclass(slots=True)
class DryRunResponse(DecisionResponse):
    """The decision that a purchase would get now. Nothing is recorded or held.

    Attributes:
        authorization_code: Null, because no code is issued.
        balance: The balance after the purchase, minor units; null if the account was never opened.
        account_version: The version of the account that was evaluated.
        event_id: Null, because no event is recorded.
        decided_at: RFC 3339 UTC.
    """

    authorization_code: None
    event_id: None  # type: ignore[assignment]  # the one field that cannot be narrowed
    dry_run: Literal[True]


def dry_run_response(event: Decision) -> DryRunResponse:
    """Return the response for a dry run, whose event is not recorded."""
    return from_same_fields(
        DryRunResponse,
        decision_response(event),
        authorization_code=None,
        account_version=event.originator_version - 1,
        event_id=None,
        dry_run=True,
    )


def decision_response(event: Decision) -> DecisionResponse:
    """Return the response for a decision."""
    decided: tuple[Literal["approved", "declined"], str | None, tuple[Reason, ...]]
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
    )

"""The response to `POST /v1/process-transaction`, whose fields the published message has too.

It is made from the stored event, so that a repeated request gets the same response.
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


@dataclass(slots=True)  # not frozen: one is made for each decision, and freezing triples the cost
class DecisionResponse:
    """The decision on a purchase.

    Attributes:
        response_code: ISO 8583:1987 field 39; for a decline, the code of the first reason.
        authorization_code: Six characters; null for a decline.
        reasons: The reason of every rule that refused, most important first.
        balance: The money after it, minor units; null if there is no account.
        ruleset: The rule set that decided.
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
    """The decision that a purchase would get now; nothing is recorded, and nothing is held.

    Attributes:
        authorization_code: Null, since no code is issued.
        balance: The money after such a purchase, minor units; null if there is no account.
        account_version: The version of the account for which this was decided.
        event_id: Null, since no event is recorded.
        decided_at: RFC 3339 UTC.
    """

    authorization_code: None
    event_id: None  # type: ignore[assignment]  # the one field that cannot be narrowed
    dry_run: Literal[True]


def dry_run_response(event: Decision) -> DryRunResponse:
    """Return the response of a dry run, whose event is not recorded."""
    return from_same_fields(
        DryRunResponse,
        decision_response(event),
        authorization_code=None,
        account_version=event.originator_version - 1,
        event_id=None,
        dry_run=True,
    )


def decision_response(event: Decision) -> DecisionResponse:
    """Return the decision that an event records."""
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

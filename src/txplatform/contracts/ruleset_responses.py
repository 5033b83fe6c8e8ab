"""Responses about rule sets, their activations and their shadow evaluations."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from annotated_types import MaxLen
from pydantic import GetPydanticSchema, WithJsonSchema

from txplatform.contracts import response_fields as out
from txplatform.contracts.json_schemas import Documented
from txplatform.contracts.ruleset_schema import ruleset_schema
from txplatform.domain.reasons import Reason
from txplatform.domain.rules.lint import MAX_WARNINGS

_Reasons = Annotated[
    list[dict[str, Any]],
    GetPydanticSchema(lambda _, handler: handler.generate_schema(list[Reason])),
    Documented(maxItems=out.MAX_REASONS),
]
"""Reasons as they are stored."""


@dataclass(frozen=True, slots=True)
class ActivationResponse:
    """An activation of a rule set.

    Attributes:
        activated_at: The time of activation. Every process uses the rule set within a second.
        after_position: The newest log position at the time of activation.
    """

    activation_id: out.RequestId
    ruleset: out.RuleSetId
    reason: out.Text
    activated_by: out.Author
    activated_at: datetime
    after_position: out.Position
    event_id: out.EventId


@dataclass(frozen=True, slots=True)
class RuleSetSummary:
    """A rule set in a list.

    Attributes:
        content_hash: SHA-256 of the rule set's canonical JSON.
        rules: The number of rules.
        active: True if the rule set is in force.
        shadowed: True if the rule set is evaluated in shadow.
        added_at: The time when it was added, UTC.
        added_by: Null for the built-in rule set; so is `added_at`.
    """

    id: out.RuleSetId
    description: out.Text
    content_hash: out.Sha256
    rules: out.Count
    active: bool
    shadowed: bool
    added_by: out.Author | None
    added_at: datetime | None


@dataclass(frozen=True, slots=True)
class RuleBookResponse:
    """A page of the rule sets, oldest first.

    Attributes:
        next_cursor: The cursor for the next page; null on the last page.
        version: The version of the rule book, incremented by every change.
        active: The id of the rule set in force.
        shadowed: The id of the rule set evaluated in shadow; null if there is none.
    """

    items: Annotated[list[RuleSetSummary], MaxLen(out.MAX_PAGE)]
    next_cursor: out.Cursor | None
    version: out.Number
    active: out.RuleSetId
    shadowed: out.RuleSetId | None


@dataclass(frozen=True, slots=True)
class RuleSetResponse:
    """A rule set with its content.

    Attributes:
        active: True if the rule set is in force.
        shadowed: True if the rule set is evaluated in shadow.
        added_at: The time when it was added, UTC; null for the built-in rule set.
        content: The rule set as JSON, in the form that `POST /v1/rulesets` accepts.
        warnings: Likely mistakes, at most 100; if there are more, a last entry says how many.
        activations: The rule set's activations, oldest first.
    """

    id: out.RuleSetId
    content_hash: out.Sha256
    content: Annotated[dict[str, Any], WithJsonSchema(ruleset_schema())]
    active: bool
    shadowed: bool
    added_by: out.Author | None
    added_at: datetime | None
    warnings: Annotated[list[out.Detail], MaxLen(MAX_WARNINGS + 1)]
    activations: list[ActivationResponse]


@dataclass(frozen=True, slots=True)
class ShadowingResponse:
    """A shadow evaluation of a rule set, and its results so far.

    Attributes:
        started_at: The start of the evaluation, UTC.
        ended_at: The end of the evaluation, UTC; null while it runs.
        after_position: The log position after which the evaluation starts.
        until_position: The log position at which the evaluation ends; null while it runs.
        position: The last log position read so far.
        judged: The number of decisions evaluated so far.
        newly_declined: The number of approvals that the rule set would decline.
        newly_approved: The number of declines that the rule set would approve.
    """

    shadowing_id: out.RequestId
    ruleset: out.RuleSetId
    reason: out.Text
    started_by: out.Author
    started_at: datetime
    ended_at: datetime | None
    after_position: out.Position
    until_position: out.Position | None
    position: out.Position
    judged: out.Count
    newly_declined: out.Count
    newly_approved: out.Count


@dataclass(frozen=True, slots=True)
class ShadowingsResponse:
    """A page of the shadow evaluations of a rule set, oldest first.

    Attributes:
        next_cursor: The cursor for the next page; null on the last page.
    """

    items: Annotated[list[ShadowingResponse], MaxLen(out.MAX_PAGE)]
    next_cursor: out.Cursor | None


@dataclass(frozen=True, slots=True)
class DisagreementResponse:
    """A decision that the rule set evaluated in shadow would have made differently.

    Attributes:
        amount: Minor units of `currency`.
        decided_at: The time of the decision, UTC.
        shadow_decision: The decision in shadow.
        reasons: The recorded reasons; empty for an approval.
        shadow_reasons: The reasons given in shadow; empty for an approval in shadow.
    """

    log_position: out.Position
    account_id: out.AccountId
    account_version: out.AccountVersion
    event_id: out.EventId
    transaction_id: out.TransactionId
    amount: out.Amount
    currency: out.CurrencyCode
    decided_at: datetime
    decision: out.Decided
    reasons: _Reasons
    shadow_decision: out.Decided
    shadow_reasons: _Reasons


@dataclass(frozen=True, slots=True)
class DisagreementsResponse:
    """Decisions that the rule set would have made differently, newest first.

    Attributes:
        next_cursor: The cursor for the next page; null on the last page.
        as_of_position: The last log position that the evaluation has read.
    """

    items: Annotated[list[DisagreementResponse], MaxLen(out.MAX_PAGE)]
    next_cursor: out.Cursor | None
    as_of_position: out.Position

"""Responses about rule sets, their activations and their shadow evaluations."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class ActivationResponse:
    """An activation of a rule set.

    Attributes:
        activated_at: The time of activation. Every process uses the rule set within a second.
        after_position: The newest log position at the time of activation.
    """

    activation_id: str
    ruleset: str
    reason: str
    activated_by: str
    activated_at: datetime
    after_position: int
    event_id: str


@dataclass(frozen=True, slots=True)
class RuleSetSummary:
    """A rule set in a list.

    Attributes:
        content_hash: SHA-256 of the rule set's canonical JSON.
        rules: The number of rules.
        added_by: Null for the built-in rule set; so is `added_at`.
    """

    id: str
    description: str
    content_hash: str
    rules: int
    active: bool
    shadowed: bool
    added_by: str | None
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

    items: list[RuleSetSummary]
    next_cursor: str | None
    version: int
    active: str
    shadowed: str | None


@dataclass(frozen=True, slots=True)
class RuleSetResponse:
    """A rule set with its content.

    Attributes:
        content: The rule set as JSON, in the form that `POST /v1/rulesets` accepts.
        warnings: Likely mistakes, at most 100; if there are more, a last entry says how many.
        activations: The rule set's activations, oldest first.
    """

    id: str
    content_hash: str
    content: dict[str, Any]
    active: bool
    shadowed: bool
    added_by: str | None
    added_at: datetime | None
    warnings: list[str]
    activations: list[ActivationResponse]


@dataclass(frozen=True, slots=True)
class ShadowingResponse:
    """A shadow evaluation of a rule set, and its results so far.

    Attributes:
        after_position: The log position after which the evaluation starts.
        until_position: The log position at which the evaluation ends; null while it runs.
        position: The last log position read so far.
        judged: The number of decisions evaluated so far.
        newly_declined: The number of approvals that the rule set would decline.
        newly_approved: The number of declines that the rule set would approve.
    """

    shadowing_id: str
    ruleset: str
    reason: str
    started_by: str
    started_at: datetime
    ended_at: datetime | None
    after_position: int
    until_position: int | None
    position: int
    judged: int
    newly_declined: int
    newly_approved: int


@dataclass(frozen=True, slots=True)
class ShadowingsResponse:
    """A page of the shadow evaluations of a rule set, oldest first.

    Attributes:
        next_cursor: The cursor for the next page; null on the last page.
    """

    items: list[ShadowingResponse]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class DisagreementResponse:
    """A decision that the rule set evaluated in shadow would have made differently.

    Attributes:
        amount: Minor units of `currency`.
        reasons: The recorded reasons; empty for an approval.
        shadow_reasons: The reasons given in shadow; empty for an approval in shadow.
    """

    log_position: int
    account_id: str
    account_version: int
    event_id: str
    transaction_id: str
    amount: int
    currency: str
    decided_at: datetime
    decision: Literal["approved", "declined"]
    reasons: list[dict[str, Any]]
    shadow_decision: Literal["approved", "declined"]
    shadow_reasons: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class DisagreementsResponse:
    """Decisions that the rule set would have made differently, newest first.

    Attributes:
        next_cursor: The cursor for the next page; null on the last page.
        as_of_position: The last log position that the evaluation has read.
    """

    items: list[DisagreementResponse]
    next_cursor: str | None
    as_of_position: int

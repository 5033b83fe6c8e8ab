"""Responses about rule sets, their activations and their shadow evaluations."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class ActivationResponse:
    """An activation of a rule set.

    Attributes:
        activated_at: The rule set is in force everywhere within a second of this time.
        after_position: The log's newest position at that time.
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
        content_hash: SHA-256 of its canonical JSON.
        rules: The number of its rules.
        active: True if it is in force.
        shadowed: True if it is evaluated in shadow.
        added_by: Null, like added_at, for the built-in rule set.
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
    """Every rule set, oldest first.

    Attributes:
        version: The rule book's version; every change raises it by one.
        active: The id of the rule set in force.
        shadowed: The id of the rule set that is evaluated in shadow, if any.
    """

    version: int
    active: str
    shadowed: str | None
    items: list[RuleSetSummary]


@dataclass(frozen=True, slots=True)
class RuleSetResponse:
    """A rule set with its content.

    Attributes:
        content: The rule set as it can be added again under another version.
        warnings: Valid parts that look like mistakes: the first 100, and the number of the others.
        activations: Oldest first.
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
        after_position: Decisions after this log position are judged.
        until_position: Decisions up to this log position are judged; null while it runs.
        position: The last log position that was read.
        judged: The number of judged decisions.
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
    """The shadow evaluations of a rule set, oldest first."""

    items: list[ShadowingResponse]


@dataclass(frozen=True, slots=True)
class DisagreementResponse:
    """A decision that the shadowed rule set would have made differently.

    Attributes:
        log_position: The decision's position in the log.
        amount: Minor units of `currency`.
        reasons: The recorded reasons; empty for an approval.
        shadow_reasons: The reasons of the shadowed rule set; empty if it approves.
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
        next_cursor: The cursor of the next page; null on the last page.
        as_of_position: The last log position that was read.
    """

    items: list[DisagreementResponse]
    next_cursor: str | None
    as_of_position: int

"""Responses about rule sets, their activations and their shadow evaluations."""

from __future__ import annotations

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
    """A rule set in the list of all.

    Attributes:
        content_hash: SHA-256 of its canonical JSON.
        rules: The number of its rules.
        active: True if it is the active one.
        shadowed: True if it is evaluated in shadow.
        added_by: None, as added_at, for the built-in one.
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
    """Every rule set, the oldest first.

    Attributes:
        version: The rule book's version; every change raises it by one.
        active: The active rule set.
        shadowed: The one evaluated in shadow, if any.
    """

    version: int
    active: str
    shadowed: str | None
    items: list[RuleSetSummary]


@dataclass(frozen=True, slots=True)
class RuleSetResponse:
    """A rule set with its content.

    Attributes:
        content: Its JSON, which can be added again under another version.
        warnings: Things that are allowed and still look like mistakes; of more than 100 the first,
            and the number of the others.
        activations: The oldest first.
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
        after_position: The log position after which decisions are evaluated.
        until_position: The last log position that is evaluated; None while it continues.
        position: The last log position evaluated so far.
        judged: The number of decisions evaluated.
        newly_declined: The number of approved ones that it would decline.
        newly_approved: The number of declined ones that it would approve.
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
    """A decision that the candidate would have made differently.

    Attributes:
        log_position: The decision's position in the log.
        amount: Minor units of `currency`.
        reasons: Every recorded reason; none for an approval.
        shadow_reasons: Every reason of the candidate's; none if it approves.
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
        next_cursor: Gives the page after this one; None if there is none.
        as_of_position: The last log position evaluated.
    """

    items: list[DisagreementResponse]
    next_cursor: str | None
    as_of_position: int

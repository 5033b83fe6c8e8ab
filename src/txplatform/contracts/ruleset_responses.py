"""Responses about rule sets, their activations and their shadow evaluations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class ActivationResponse:
    """Who made a rule set decide, when and why.

    Attributes:
        activated_at: In force everywhere within a second of it.
        after_position: The log's newest position then.
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
    """A rule set among others.

    Attributes:
        content_hash: SHA-256 of its canonical JSON.
        rules: How many it has.
        active: Whether it decides.
        shadowed: Whether it decides along, without effect.
        added_by: None, as added_at, for the one that is built in.
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
        version: The rule book's; every change raises it by one.
        active: The rule set that decides.
        shadowed: The one that decides along, if any.
    """

    version: int
    active: str
    shadowed: str | None
    items: list[RuleSetSummary]


@dataclass(frozen=True, slots=True)
class RuleSetResponse:
    """A rule set, whole.

    Attributes:
        content: As it can be added again under another version.
        warnings: What is allowed in it and still looks like a mistake; of more than 100 the first,
            and how many more there are.
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
    """A rule set that decides, or decided, along, and what came of it so far.

    Attributes:
        after_position: It judges the decisions behind this log position,
        until_position: up to this one; None while it goes on.
        position: It has come to this one.
        judged: Decisions that it has judged.
        newly_declined: Approved ones that it would decline.
        newly_approved: Declined ones that it would approve.
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
    """A rule set's shadowings, the oldest first."""

    items: list[ShadowingResponse]


@dataclass(frozen=True, slots=True)
class DisagreementResponse:
    """A decision that the candidate would have made otherwise.

    Attributes:
        log_position: The decision's place in the log.
        amount: Minor units of `currency`.
        reasons: Every recorded reason; none for an approval.
        shadow_reasons: Every reason of the candidate's; none where it approves.
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
    """Decisions that a shadowed rule set would have made otherwise, the newest first.

    Attributes:
        next_cursor: Gives the page after this one; None where there is none.
        as_of_position: The last log position that was judged.
    """

    items: list[DisagreementResponse]
    next_cursor: str | None
    as_of_position: int

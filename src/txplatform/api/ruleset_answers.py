"""What is told about rule sets: made from the rule book alone, and from what shadowings found."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from txplatform.contracts.rulesets import ruleset_to_json
from txplatform.domain.rules.lint import lint, most_telling
from txplatform.rulebook.book import RuleBook, Shadowing, StoredRuleSet
from txplatform.rulebook.changes import Entry, RuleSetActivated
from txplatform.shadow.store import Disagreement, Progress


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
class DisagreementPage:
    """Decisions that a shadowed rule set would have made otherwise, the newest first.

    Attributes:
        next_cursor: Gives the page after this one; None where there is none.
        as_of_position: The last log position that was judged.
    """

    items: list[Disagreement]
    next_cursor: str | None
    as_of_position: int


def book_answer(book: RuleBook) -> RuleBookResponse:
    """The whole rule book, in short."""
    shadowing = book.shadowing
    return RuleBookResponse(
        book.version,
        book.active_id,
        None if shadowing is None else shadowing.ruleset_id,
        [_summary(book, stored) for stored in book.rulesets.values()],
    )


def ruleset_answer(book: RuleBook, ruleset_id: str) -> RuleSetResponse:
    """One of the rule book's rule sets."""
    stored = book.rulesets[ruleset_id]
    ruleset = stored.read()
    return RuleSetResponse(
        stored.id,
        stored.content_hash,
        ruleset_to_json(ruleset),
        book.active_id == stored.id,
        _shadowed(book, stored),
        stored.added_by,
        stored.added_at,
        most_telling(lint(ruleset)),
        [activation_answer(entry) for entry in book.activations(ruleset_id)],
    )


def activation_answer(entry: Entry) -> ActivationResponse:
    """What an activation's entry in the rule book says."""
    change = entry.change
    assert isinstance(change, RuleSetActivated)
    return ActivationResponse(
        change.activation_id,
        change.ruleset_id,
        change.reason,
        change.by,
        entry.recorded_at,
        change.after_position,
        entry.event_id,
    )


def shadowing_answer(shadowing: Shadowing, progress: Progress | None) -> ShadowingResponse:
    """A shadowing; one that has not begun has judged nothing."""
    if progress is None:
        progress = Progress(shadowing.shadowing_id, shadowing.after_position, 0, 0, 0)
    return ShadowingResponse(
        shadowing.shadowing_id,
        shadowing.ruleset_id,
        shadowing.reason,
        shadowing.started_by,
        shadowing.started_at,
        shadowing.ended_at,
        shadowing.after_position,
        shadowing.until_position,
        progress.position,
        progress.judged,
        progress.newly_declined,
        progress.newly_approved,
    )


def _summary(book: RuleBook, stored: StoredRuleSet) -> RuleSetSummary:
    # As it is written: one that this version cannot read is listed, too.
    content = orjson.loads(stored.content)
    return RuleSetSummary(
        stored.id,
        content.get("description", ""),
        stored.content_hash,
        len(content["rules"]),
        book.active_id == stored.id,
        _shadowed(book, stored),
        stored.added_by,
        stored.added_at,
    )


def _shadowed(book: RuleBook, stored: StoredRuleSet) -> bool:
    return book.shadowing is not None and book.shadowing.ruleset_id == stored.id

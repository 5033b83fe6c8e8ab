"""Convert the rule book to responses: rule sets, activations and shadow evaluations."""

import sys
from collections.abc import Iterable

import orjson

from txplatform.contracts.cursors import Cursors
from txplatform.contracts.ruleset_responses import (
    ActivationResponse,
    RuleBookResponse,
    RuleSetResponse,
    RuleSetSummary,
    ShadowingResponse,
)
from txplatform.contracts.rulesets import ruleset_to_json
from txplatform.contracts.same_fields import from_same_fields
from txplatform.domain.rules.lint import lint, shortened
from txplatform.rulebook.book import RuleBook, Shadowing, StoredRuleSet
from txplatform.rulebook.changes import Entry, RuleSetActivated
from txplatform.rulebook.store import find_ruleset
from txplatform.shadow.store import Progress


def book_response(
    book: RuleBook, *, limit: int = sys.maxsize, cursor: str | None = None
) -> RuleBookResponse:
    """Return the response for the rule book, with a page of its rule sets.

    Raises:
        InvalidCursorError: The cursor is not of this list.
    """
    page, more = Cursors("rule sets").page([*book.rulesets.values()], cursor, limit)
    shadowing = book.shadowing
    return RuleBookResponse(
        [_summary(book, stored) for stored in page],
        more,
        book.version,
        book.active_id,
        None if shadowing is None else shadowing.ruleset_id,
    )


def ruleset_response(
    book: RuleBook, ruleset_id: str, currencies: Iterable[str] = ()
) -> RuleSetResponse:
    """Return the response for one rule set, with its warnings for accounts in these currencies.

    Raises:
        RefusedChangeError: There is no such rule set.
        UnreadableRuleSetError: This version cannot read the rule set.
    """
    stored = find_ruleset(book, ruleset_id)
    ruleset = stored.read()
    return from_same_fields(
        RuleSetResponse,
        stored,
        content=ruleset_to_json(ruleset),
        active=book.active_id == stored.id,
        shadowed=_shadowed(book, stored),
        warnings=shortened(lint(ruleset, currencies)),
        activations=[activation_response(entry) for entry in book.activations(ruleset_id)],
    )


def activation_response(entry: Entry) -> ActivationResponse:
    """Return the response for a recorded activation."""
    change = entry.change
    assert isinstance(change, RuleSetActivated)
    return from_same_fields(
        ActivationResponse,
        change,
        entry,
        ruleset=change.ruleset_id,
        activated_by=str(change.by),
        activated_at=entry.recorded_at,
    )


def shadowing_response(shadowing: Shadowing, progress: Progress | None) -> ShadowingResponse:
    """Return the response for a shadow evaluation. Without `progress`, all counts are 0."""
    if progress is None:
        progress = Progress(shadowing.shadowing_id, shadowing.after_position, 0, 0, 0)
    return from_same_fields(ShadowingResponse, shadowing, progress, ruleset=shadowing.ruleset_id)


def _summary(book: RuleBook, stored: StoredRuleSet) -> RuleSetSummary:
    # Parsed as plain JSON, so that even a rule set that this version cannot read is listed.
    content = orjson.loads(stored.content)
    return from_same_fields(
        RuleSetSummary,
        stored,
        description=content.get("description", ""),
        rules=len(content["rules"]),
        active=book.active_id == stored.id,
        shadowed=_shadowed(book, stored),
    )


def _shadowed(book: RuleBook, stored: StoredRuleSet) -> bool:
    return book.shadowing is not None and book.shadowing.ruleset_id == stored.id

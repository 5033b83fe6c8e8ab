"""An example of each answer about rule sets: one that was added, shadowed, and then activated."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from txplatform.api.cursors import cursor_of
from txplatform.api.ruleset_answers import (
    DisagreementPage,
    ShadowingsResponse,
    activation_answer,
    book_answer,
    ruleset_answer,
    shadowing_answer,
)
from txplatform.contracts.rulesets import content_hash, ruleset_to_json
from txplatform.domain.rules.amount_limit import AmountLimit
from txplatform.domain.rulesets import RuleSet
from txplatform.rulebook.book import RuleBook
from txplatform.rulebook.changes import (
    Change,
    Entry,
    RuleSetActivated,
    RuleSetAdded,
    ShadowingStarted,
)
from txplatform.shadow.store import Disagreement, Progress

_AT = datetime(2026, 11, 20, 10, 15, 0, 123456, UTC)
_WHO = "risk team (key_5f2a9c01d3e4)"
_RULESET = RuleSet("retail", 3, "At most 2,500.00 at once", (AmountLimit(250_000),))
_REASON = {
    "code": "amount_limit_exceeded",
    "response_code": "61",
    "message": "The purchase of 260000 USD is above the limit of 250000 for one purchase.",
    "observed": 260_000,
    "limit": 250_000,
}


def ruleset_examples() -> tuple[Any, ...]:
    """One of each kind of answer."""
    book = RuleBook()
    changes: tuple[Change, ...] = (
        RuleSetAdded(ruleset_to_json(_RULESET), content_hash(_RULESET), _WHO),
        ShadowingStarted("sh-3", _RULESET.id, "Try it for a week first.", _WHO, 4000),
        RuleSetActivated("act-7", _RULESET.id, "Agreed after a week.", _WHO, 9000),
    )
    entries = [
        Entry(version, f"{version:032x}", _AT + timedelta(days=7 * version - 7), change)
        for version, change in enumerate(changes, 1)
    ]
    book.fold(entries)
    shadowing = shadowing_answer(book.shadowings["sh-3"], Progress("sh-3", 9000, 2418, 17, 0))
    return (
        book_answer(book),
        ruleset_answer(book, _RULESET.id),
        activation_answer(entries[-1]),
        shadowing,
        ShadowingsResponse([shadowing]),
        DisagreementPage([_disagreement()], cursor_of(8124), 9000),
    )


def _disagreement() -> Disagreement:
    return Disagreement(
        log_position=8124,
        account_id="acc-1",
        account_version=41,
        event_id="0198a3c27d417b6e9f103c5e8a2d4b17",
        transaction_id="tx-1001",
        amount=260_000,
        currency="USD",
        decided_at=_AT + timedelta(days=9),
        decision="approved",
        reasons=[],
        shadow_decision="declined",
        shadow_reasons=[_REASON],
    )

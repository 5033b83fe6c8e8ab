"""A rule book for OpenAPI examples: a rule set is added, evaluated in shadow, and activated."""

from datetime import timedelta

from txplatform.api import examples
from txplatform.contracts.rulesets import content_hash, ruleset_to_json
from txplatform.domain.cause import KeyCause
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

_WHO = KeyCause("key_5f2a9c01d3e4", "risk team")
RULESET = RuleSet("retail", 3, "At most 2,500.00 at once", (AmountLimit(250_000),))
_CHANGES: tuple[Change, ...] = (
    RuleSetAdded(ruleset_to_json(RULESET), content_hash(RULESET), _WHO),
    ShadowingStarted("sh-3", RULESET.id, "Try it for a week first.", _WHO, 4000),
    RuleSetActivated("act-7", RULESET.id, "Agreed after a week.", _WHO, 9000),
)
ENTRIES = tuple(
    Entry(version, f"{version:032x}", examples.AT + timedelta(days=7 * version - 7), change)
    for version, change in enumerate(_CHANGES, 1)
)
BOOK = RuleBook().fold(ENTRIES)

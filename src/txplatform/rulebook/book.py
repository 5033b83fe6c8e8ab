"""The state of the rule book, computed from its recorded changes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import assert_never

import orjson

from txplatform.contracts.rulesets import (
    InvalidRuleSetError,
    canonical_json,
    content_hash,
    ruleset_from_json,
)
from txplatform.domain.rulesets import DEFAULT_RULESET, RuleSet, RulesNotUnderstoodError
from txplatform.rulebook.changes import (
    Entry,
    RuleSetActivated,
    RuleSetAdded,
    ShadowingEnded,
    ShadowingStarted,
)


class UnreadableRuleSetError(RulesNotUnderstoodError):
    """Raised if this version of txplatform cannot use a stored rule set."""


@dataclass(frozen=True, slots=True)
class StoredRuleSet:
    """A rule set as it was added.

    Attributes:
        content: The rule set as canonical JSON.
        added_by: The author; `added_by` and `added_at` are None for the built-in rule set.
    """

    id: str
    content: bytes
    content_hash: str
    added_by: str | None = None
    added_at: datetime | None = None

    def read(self) -> RuleSet:
        """Decode the rule set and check its hash.

        Raises:
            UnreadableRuleSetError: A newer version wrote the rule set, or it was altered.
        """
        return _read(self.id, self.content, self.content_hash)


@dataclass(frozen=True, slots=True)
class Shadowing:
    """A shadow evaluation of a rule set.

    Attributes:
        after_position: Decisions after this log position are evaluated.
        until_position: The last log position to evaluate; None while the evaluation runs.
    """

    shadowing_id: str
    ruleset_id: str
    reason: str
    started_by: str
    started_at: datetime
    after_position: int
    ended_at: datetime | None = None
    until_position: int | None = None


class RuleBook:
    """The state of the rule book.

    Attributes:
        version: The version of the last change; 0 before the first.
        rulesets: Every rule set by id, including the built-in rule set.
        active_id: The id of the rule set in force.
        shadowings: Every shadow evaluation by id, oldest first.
        entries: Every change by key, oldest first.
    """

    def __init__(self) -> None:
        built_in = StoredRuleSet(
            DEFAULT_RULESET.id, canonical_json(DEFAULT_RULESET), content_hash(DEFAULT_RULESET)
        )
        self.version = 0
        self.rulesets = {built_in.id: built_in}
        self.active_id = built_in.id
        self.shadowings: dict[str, Shadowing] = {}
        self.entries: dict[str, Entry] = {}

    @property
    def active(self) -> RuleSet:
        """The rule set in force.

        Raises:
            UnreadableRuleSetError: A newer version wrote the rule set, or it was altered or lost.
        """
        stored = self.rulesets.get(self.active_id)
        if stored is None:
            raise UnreadableRuleSetError(
                f"The rule set {self.active_id} is in force, but is not in the rule book.",
                why="The change that added it was removed.",
                next_step="Run `txplatform verify` and restore an earlier database backup.",
            )
        return stored.read()

    @property
    def ever_active(self) -> set[str]:
        """The ids of all rule sets that were ever in force."""
        changes = [entry.change for entry in self.entries.values()]
        activated = [each for each in changes if isinstance(each, RuleSetActivated)]
        return {DEFAULT_RULESET.id, *(each.ruleset_id for each in activated)}

    @property
    def shadowing(self) -> Shadowing | None:
        """The running shadow evaluation, if any."""
        running = (each for each in self.shadowings.values() if each.until_position is None)
        return next(running, None)

    def fold(self, entries: Iterable[Entry]) -> RuleBook:
        """Apply the next changes to this rule book in place, and return it."""
        for entry in entries:
            self._apply(entry)
            self.entries[entry.change.key] = entry
            self.version = entry.version
        return self

    def activation(self, activation_id: str) -> Entry:
        """Return an activation by its id."""
        return self.entries[f"activation:{activation_id}"]

    def activations(self, ruleset_id: str) -> list[Entry]:
        """Return the activations of a rule set, oldest first."""
        return [
            entry
            for entry in self.entries.values()
            if isinstance(entry.change, RuleSetActivated) and entry.change.ruleset_id == ruleset_id
        ]

    def shadowings_of(self, ruleset_id: str) -> list[Shadowing]:
        """Return the shadow evaluations of a rule set, oldest first."""
        return [each for each in self.shadowings.values() if each.ruleset_id == ruleset_id]

    def _apply(self, entry: Entry) -> None:
        match entry.change:
            case RuleSetAdded() as added:
                self.rulesets[added.ruleset_id] = StoredRuleSet(
                    added.ruleset_id,
                    orjson.dumps(added.ruleset, option=orjson.OPT_SORT_KEYS),
                    added.content_hash,
                    str(added.by),
                    entry.recorded_at,
                )
            case RuleSetActivated() as activated:
                self.active_id = activated.ruleset_id
                shadowing = self.shadowing
                if shadowing is not None and shadowing.ruleset_id == activated.ruleset_id:
                    self._end(shadowing, entry, activated.after_position)
            case ShadowingStarted() as started:
                if self.shadowing is not None:
                    self._end(self.shadowing, entry, started.after_position)
                self.shadowings[started.shadowing_id] = Shadowing(
                    started.shadowing_id,
                    started.ruleset_id,
                    started.reason,
                    str(started.by),
                    entry.recorded_at,
                    started.after_position,
                )
            case ShadowingEnded() as ended:
                self._end(self.shadowings[ended.shadowing_id], entry, ended.after_position)
            case _:
                assert_never(entry.change)

    def _end(self, shadowing: Shadowing, entry: Entry, position: int) -> None:
        self.shadowings[shadowing.shadowing_id] = replace(
            shadowing,
            ended_at=entry.recorded_at,
            until_position=max(position, shadowing.after_position),
        )


@lru_cache(maxsize=256)
def _read(ruleset_id: str, content: bytes, expected_hash: str) -> RuleSet:
    try:
        ruleset = ruleset_from_json(orjson.loads(content))
    except InvalidRuleSetError as error:
        raise UnreadableRuleSetError(
            f"The rule set {ruleset_id} cannot be read by this version.",
            why=error.why,
            next_step="Run the version that added it or a newer version, or activate another one.",
        ) from error
    if content_hash(ruleset) != expected_hash:
        raise UnreadableRuleSetError(
            f"The rule set {ruleset_id} was altered after it was added.",
            why=f"The hash of its content is {content_hash(ruleset)}, not {expected_hash}.",
            next_step="Run `txplatform verify` and restore an earlier database backup.",
        )
    return ruleset

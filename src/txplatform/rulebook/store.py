"""Read the rule book from the database, and append one change at a time.

Changes are rare and the rule book is small, so a writer locks and reads the whole rule book before
appending or refusing a change.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import psycopg

from txplatform.advisory_locks import RULE_BOOK
from txplatform.contracts.rulesets import content_hash, ruleset_to_json
from txplatform.domain.rulesets import DEFAULT_RULESET, RuleSet, RulesNotUnderstoodError
from txplatform.errors import TxPlatformError
from txplatform.eventstore.log import last_position
from txplatform.random_ids import random_id
from txplatform.rulebook.book import RuleBook, Shadowing, StoredRuleSet
from txplatform.rulebook.changes import (
    Author,
    Change,
    Entry,
    RuleSetActivated,
    RuleSetAdded,
    ShadowingEnded,
    ShadowingStarted,
    decode_change,
    encode_change,
)

READ_CHANGES = """
SELECT version, event_id, recorded_at, topic, state
FROM ruleset_events
WHERE version > %s
ORDER BY version
"""

_LOCK = f"SELECT pg_advisory_xact_lock({RULE_BOOK})"

_APPEND = """
INSERT INTO ruleset_events (version, event_id, event_key, topic, state)
VALUES (%s, %s, %s, %s, %s)
RETURNING recorded_at
"""


class ChangeRefusal(StrEnum):
    """The reasons to refuse a change to the rule book."""

    ID_REUSED = "id_reused"
    RULESET_NOT_FOUND = "ruleset_not_found"
    RULESET_IN_FORCE = "ruleset_in_force"
    SHADOWING_NOT_FOUND = "shadowing_not_found"


class RefusedChangeError(TxPlatformError):
    """Raised if a change contradicts the rule book; nothing was recorded.

    Attributes:
        fields: The fields that differ from those of an earlier change with the same id.
    """

    def __init__(
        self, reason: ChangeRefusal, what: str, next_step: str, fields: Iterable[str] = ()
    ) -> None:
        super().__init__(what, next_step=next_step)
        self.reason = reason
        self.fields = tuple(fields)


ChangeRow = tuple[int, str, datetime, str, bytes]
"""A row of `READ_CHANGES`."""


@dataclass(frozen=True, slots=True)
class RecordedChange:
    """The outcome of a change that was not refused.

    Attributes:
        replayed: True if nothing new was recorded: the change was recorded before, or the rule set
            is built in.
        book: The rule book after the change.
    """

    replayed: bool
    book: RuleBook


def entry_of(row: ChangeRow) -> Entry:
    """Decode a row of `READ_CHANGES`.

    Raises:
        UnknownChangeError: A newer version of txplatform wrote the row.
    """
    version, event_id, recorded_at, topic, state = row
    return Entry(version, event_id, recorded_at, decode_change(version, topic, bytes(state)))


def read_book(connection: psycopg.Connection) -> RuleBook:
    """Read the whole rule book.

    Raises:
        UnknownChangeError: A newer version of txplatform wrote one of the changes.
    """
    return RuleBook().fold(map(entry_of, connection.execute(READ_CHANGES, (0,)).fetchall()))


def rules_in_force(connection: psycopg.Connection) -> RuleSet | RulesNotUnderstoodError:
    """Return the rule set in force, or the error if it cannot be read."""
    try:
        return read_book(connection).active
    except RulesNotUnderstoodError as error:
        return error


def add_ruleset(connection: psycopg.Connection, ruleset: RuleSet, *, by: Author) -> RecordedChange:
    """Add a rule set; adding it again, or adding the built-in rule set, changes nothing.

    Raises:
        RefusedChangeError: A different rule set has the same id.
    """
    if ruleset == DEFAULT_RULESET:
        return RecordedChange(replayed=True, book=read_book(connection))
    change = RuleSetAdded(ruleset_to_json(ruleset), content_hash(ruleset), by)
    with connection.transaction():
        book = _lock_book(connection)
        if earlier := _recorded_before(book, change):
            return earlier
        if ruleset.id in book.rulesets:
            raise RefusedChangeError(
                ChangeRefusal.ID_REUSED,
                "A rule set of this name and version is built in, with other contents.",
                "Activate it as it is, or add yours under another id.",
            )
        return _append(connection, book, change)


def activate(
    connection: psycopg.Connection, activation_id: str, ruleset_id: str, *, reason: str, by: Author
) -> RecordedChange:
    """Put a rule set in force; repeating the call changes nothing.

    Every process uses the rule set within a second.

    Raises:
        RefusedChangeError: There is no such rule set, or the id was used for a different change.
        UnreadableRuleSetError: This version of txplatform cannot use the rule set.
    """
    with connection.transaction():
        book = _lock_book(connection)
        change = RuleSetActivated(activation_id, ruleset_id, reason, by, last_position(connection))
        if earlier := _recorded_before(book, change):
            return earlier
        find_ruleset(book, ruleset_id).read()
        return _append(connection, book, change)


def start_shadowing(
    connection: psycopg.Connection, shadowing_id: str, ruleset_id: str, *, reason: str, by: Author
) -> RecordedChange:
    """Start a shadow evaluation and end any running one; repeating the call changes nothing.

    Raises:
        RefusedChangeError: The rule set does not exist or is in force, or the id was used for a
            different change.
        UnreadableRuleSetError: This version of txplatform cannot use the rule set.
    """
    with connection.transaction():
        book = _lock_book(connection)
        change = ShadowingStarted(shadowing_id, ruleset_id, reason, by, last_position(connection))
        if earlier := _recorded_before(book, change):
            return earlier
        find_ruleset(book, ruleset_id).read()
        if book.active_id == ruleset_id:
            raise RefusedChangeError(
                ChangeRefusal.RULESET_IN_FORCE,
                "The rule set is in force and cannot be shadowed against itself.",
                "Choose another rule set.",
            )
        return _append(connection, book, change)


def end_shadowing(
    connection: psycopg.Connection, ruleset_id: str, shadowing_id: str, *, by: Author
) -> RuleBook:
    """End a shadow evaluation; repeating the call changes nothing.

    Raises:
        RefusedChangeError: The rule set has no such shadow evaluation.
    """
    with connection.transaction():
        book = _lock_book(connection)
        if find_shadowing(book, ruleset_id, shadowing_id).until_position is not None:
            return book
        change = ShadowingEnded(shadowing_id, by, last_position(connection))
        return _append(connection, book, change).book


def _lock_book(connection: psycopg.Connection) -> RuleBook:
    connection.execute(_LOCK)
    return read_book(connection)


def _recorded_before(book: RuleBook, change: Change) -> RecordedChange | None:
    """Return the outcome if the change was recorded before; None for a new change.

    Raises:
        RefusedChangeError: The id was used for a different change.
    """
    earlier = book.entries.get(change.key)
    if earlier is None:
        return None
    if not change.repeats(earlier.change):
        was, contents = earlier.change.contents, change.contents
        differing = [name for name in contents if was.get(name) != contents[name]]
        kind, _, _ = change.key.partition(":")
        adding = isinstance(change, RuleSetAdded)
        raise RefusedChangeError(
            ChangeRefusal.ID_REUSED,
            f"The {kind} was recorded before with other contents.",
            "Rule sets never change: add a version." if adding else "Use a new id.",
            differing,
        )
    return RecordedChange(replayed=True, book=book)


def _append(connection: psycopg.Connection, book: RuleBook, change: Change) -> RecordedChange:
    version, event_id = book.version + 1, random_id()
    row = connection.execute(
        _APPEND, (version, event_id, change.key, change.TOPIC, encode_change(change))
    ).fetchone()
    assert row is not None
    book.fold([Entry(version, event_id, row[0], change)])
    return RecordedChange(replayed=False, book=book)


def find_ruleset(book: RuleBook, ruleset_id: str) -> StoredRuleSet:
    """Return the rule set with this id, or raise RefusedChangeError if there is none."""
    stored = book.rulesets.get(ruleset_id)
    if stored is None:
        raise RefusedChangeError(
            ChangeRefusal.RULESET_NOT_FOUND,
            "There is no rule set with this id.",
            "Add it first; `txplatform rulesets list` shows all rule sets.",
        )
    return stored


def find_shadowing(book: RuleBook, ruleset_id: str, shadowing_id: str) -> Shadowing:
    """Return a rule set's shadow evaluation, or raise RefusedChangeError if there is none."""
    shadowing = book.shadowings.get(shadowing_id)
    if shadowing is None or shadowing.ruleset_id != ruleset_id:
        raise RefusedChangeError(
            ChangeRefusal.SHADOWING_NOT_FOUND,
            "The rule set has no shadow evaluation with this id.",
            "`txplatform rulesets show` lists the shadow evaluations of a rule set.",
        )
    return shadowing

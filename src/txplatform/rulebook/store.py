"""The rule book in the database: read it, and append to it one change at a time.

Changes are rare and small: whoever makes one takes the rule book's lock, reads the whole of it,
and decides on that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import psycopg

from txplatform.advisory_locks import RULE_BOOK
from txplatform.contracts.rulesets import content_hash, ruleset_to_json
from txplatform.domain.rulesets import DEFAULT_RULESET, RuleSet, RulesNotUnderstoodError
from txplatform.errors import TxPlatformError
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

_LAST_POSITION = "SELECT coalesce(max(position), 0) FROM events"

_APPEND = """
INSERT INTO ruleset_events (version, event_id, event_key, topic, state)
VALUES (%s, %s, %s, %s, %s)
RETURNING recorded_at
"""


class ChangeRefusal(StrEnum):
    """Why a change of the rule book was refused."""

    ID_REUSED = "id_reused"
    RULESET_NOT_FOUND = "ruleset_not_found"
    RULESET_IN_FORCE = "ruleset_in_force"
    SHADOWING_NOT_FOUND = "shadowing_not_found"


class RefusedChangeError(TxPlatformError):
    """The change contradicts the rule book; nothing was recorded."""

    def __init__(self, reason: ChangeRefusal, what: str, next_step: str) -> None:
        super().__init__(what, next_step=next_step)
        self.reason = reason


ChangeRow = tuple[int, str, "datetime", str, bytes]
"""Of `READ_CHANGES`."""


@dataclass(frozen=True, slots=True)
class Added:
    """The outcome of adding a rule set.

    Attributes:
        replayed: True if it was there already, recorded or built in.
        book: The rule book with it.
    """

    replayed: bool
    book: RuleBook


@dataclass(frozen=True, slots=True)
class Recorded:
    """The outcome of a change.

    Attributes:
        entry: As it is in the rule book.
        replayed: True if it was there already.
        book: The rule book with it.
    """

    entry: Entry
    replayed: bool
    book: RuleBook


def entries(rows: Iterable[ChangeRow]) -> Iterator[Entry]:
    """The rows of `READ_CHANGES`, as far as this version knows them.

    Raises:
        UnknownChangeError: A newer version wrote the next one.
    """
    for version, event_id, recorded_at, topic, state in rows:
        yield Entry(version, event_id, recorded_at, decode_change(version, topic, bytes(state)))


def read_book(connection: psycopg.Connection) -> RuleBook:
    """Read the whole rule book.

    Raises:
        UnknownChangeError: It holds a change of a newer version.
    """
    return RuleBook().fold(entries(connection.execute(READ_CHANGES, (0,)).fetchall()))


def rules_in_force(connection: psycopg.Connection) -> RuleSet | RulesNotUnderstoodError:
    """Return the rule set in force, or why it is not known."""
    try:
        return read_book(connection).active
    except RulesNotUnderstoodError as error:
        return error


def add_ruleset(connection: psycopg.Connection, ruleset: RuleSet, *, by: Author) -> Added:
    """Add a rule set; a copy changes nothing, also of the one that is built in.

    Raises:
        RefusedChangeError: There is another one with its id.
    """
    if ruleset == DEFAULT_RULESET:
        return Added(replayed=True, book=read_book(connection))
    asked = RuleSetAdded(ruleset_to_json(ruleset), content_hash(ruleset), by)
    with connection.transaction():
        book = _lock_book(connection)
        earlier = _earlier(book, asked)
        if earlier is not None:
            return Added(earlier.replayed, earlier.book)
        if ruleset.id in book.rulesets:
            raise RefusedChangeError(
                ChangeRefusal.ID_REUSED,
                f"Rule set {ruleset.id} is built in, with other contents.",
                "Activate it as it is, or add yours under another id.",
            )
        recorded = _append(connection, book, asked)
        return Added(recorded.replayed, recorded.book)


def activate(
    connection: psycopg.Connection, activation_id: str, ruleset_id: str, *, reason: str, by: Author
) -> Recorded:
    """Put a rule set in force, in every process within a second; a copy changes nothing.

    Raises:
        RefusedChangeError: There is no such rule set, or the id was used for something else.
        UnreadableRuleSetError: This version could not decide by it.
    """
    with connection.transaction():
        book = _lock_book(connection)
        asked = RuleSetActivated(activation_id, ruleset_id, reason, by, _last_position(connection))
        earlier = _earlier(book, asked)
        if earlier is not None:
            return earlier
        find_ruleset(book, ruleset_id).read()
        return _append(connection, book, asked)


def start_shadowing(
    connection: psycopg.Connection, shadowing_id: str, ruleset_id: str, *, reason: str, by: Author
) -> Recorded:
    """Evaluate a rule set in shadow, in place of the one before; a copy changes nothing.

    Raises:
        RefusedChangeError: There is no such rule set, it decides already, or the id was used for
            something else.
        UnreadableRuleSetError: This version could not decide by it.
    """
    with connection.transaction():
        book = _lock_book(connection)
        asked = ShadowingStarted(shadowing_id, ruleset_id, reason, by, _last_position(connection))
        earlier = _earlier(book, asked)
        if earlier is not None:
            return earlier
        find_ruleset(book, ruleset_id).read()
        if book.active_id == ruleset_id:
            raise RefusedChangeError(
                ChangeRefusal.RULESET_IN_FORCE,
                f"Rule set {ruleset_id} decides already, so it could not disagree.",
                "Shadow another one.",
            )
        return _append(connection, book, asked)


def end_shadowing(
    connection: psycopg.Connection, ruleset_id: str, shadowing_id: str, *, by: Author
) -> RuleBook:
    """End a shadow evaluation; a copy changes nothing.

    Raises:
        RefusedChangeError: That rule set has no such shadowing.
    """
    with connection.transaction():
        book = _lock_book(connection)
        if find_shadowing(book, ruleset_id, shadowing_id).until_position is not None:
            return book
        asked = ShadowingEnded(shadowing_id, by, _last_position(connection))
        return _append(connection, book, asked).book


def _lock_book(connection: psycopg.Connection) -> RuleBook:
    """Lock the rule book until this transaction ends, and read it."""
    connection.execute(_LOCK)
    return read_book(connection)


def _last_position(connection: psycopg.Connection) -> int:
    """Return the log's newest position; 0 if it is empty."""
    row = connection.execute(_LAST_POSITION).fetchone()
    assert row is not None
    position: int = row[0]
    return position


def _earlier(book: RuleBook, asked: Change) -> Recorded | None:
    """Return the same change as it was recorded before, if it was.

    Raises:
        RefusedChangeError: Its id was used for something else.
    """
    before = book.entries.get(asked.key)
    if before is None:
        return None
    if before.change.contents != asked.contents:
        what, next_step = asked.key.replace(":", " "), "Use a new id."
        if isinstance(asked, RuleSetAdded):
            next_step = "Rule sets never change: add a version."
        raise RefusedChangeError(
            ChangeRefusal.ID_REUSED,
            f"The {what} was recorded before with other contents.",
            next_step,
        )
    return Recorded(before, replayed=True, book=book)


def _append(connection: psycopg.Connection, book: RuleBook, change: Change) -> Recorded:
    event_id = random_id()
    row = connection.execute(
        _APPEND,
        (book.version + 1, event_id, change.key, change.TOPIC, encode_change(change)),
    ).fetchone()
    assert row is not None
    entry = Entry(book.version + 1, event_id, row[0], change)
    return Recorded(entry, replayed=False, book=book.fold([entry]))


def find_ruleset(book: RuleBook, ruleset_id: str) -> StoredRuleSet:
    """Return the rule set of this id.

    Raises:
        RefusedChangeError: There is none.
    """
    stored = book.rulesets.get(ruleset_id)
    if stored is None:
        raise RefusedChangeError(
            ChangeRefusal.RULESET_NOT_FOUND,
            f"There is no rule set {ruleset_id}.",
            "Add it first; `txplatform rulesets list` shows those there are.",
        )
    return stored


def find_shadowing(book: RuleBook, ruleset_id: str, shadowing_id: str) -> Shadowing:
    """Return the shadow evaluation of this id.

    Raises:
        RefusedChangeError: This rule set has none of it.
    """
    shadowing = book.shadowings.get(shadowing_id)
    if shadowing is None or shadowing.ruleset_id != ruleset_id:
        raise RefusedChangeError(
            ChangeRefusal.SHADOWING_NOT_FOUND,
            f"Rule set {ruleset_id} has no shadowing {shadowing_id}.",
            "`txplatform rulesets show` lists those it has.",
        )
    return shadowing

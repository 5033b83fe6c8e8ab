"""The rule book in the database: read it, and append to it one change at a time.

Changes are rare and small: whoever makes one takes the rule book's lock, reads the whole of it,
and decides on that.
"""

from __future__ import annotations

from dataclasses import dataclass
from os import urandom
from typing import TYPE_CHECKING

from txplatform.contracts.rulesets import content_hash, ruleset_to_json
from txplatform.domain.rulesets import DEFAULT_RULESET
from txplatform.errors import TxPlatformError
from txplatform.rulebook.book import RuleBook
from txplatform.rulebook.changes import (
    Entry,
    RuleSetActivated,
    RuleSetAdded,
    ShadowingEnded,
    ShadowingStarted,
    decode_change,
    encode_change,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    import psycopg

    from txplatform.domain.rulesets import RuleSet
    from txplatform.rulebook.book import Shadowing, StoredRuleSet
    from txplatform.rulebook.changes import Change

READ_CHANGES = """
SELECT version, event_id, recorded_at, topic, state
FROM ruleset_events
WHERE version > %s
ORDER BY version
"""

_LOCK = "SELECT pg_advisory_xact_lock(1954050658)"
"""Held by whoever appends to the rule book ("txrb")."""

_LAST_POSITION = "SELECT coalesce(max(position), 0) FROM events"

_APPEND = """
INSERT INTO ruleset_events (version, event_id, event_key, topic, state)
VALUES (%s, %s, %s, %s, %s)
RETURNING recorded_at
"""


class RefusedChangeError(TxPlatformError):
    """The change contradicts the rule book; nothing was recorded.

    Attributes:
        reason: `id_reused`, `ruleset_not_found`, `ruleset_in_force` or `shadowing_not_found`.
    """

    def __init__(self, reason: str, what: str, next_step: str) -> None:
        super().__init__(what, next_step=next_step)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Added:
    """What became of a rule set that was to be added.

    Attributes:
        replayed: Whether it was there already, recorded or built in.
        book: The rule book with it.
    """

    replayed: bool
    book: RuleBook


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a change.

    Attributes:
        entry: As it is in the rule book.
        replayed: Whether it was there already.
        book: The rule book with it.
    """

    entry: Entry
    replayed: bool
    book: RuleBook


def entries(rows: Iterable[tuple[int, str, datetime, str, bytes]]) -> list[Entry]:
    """The rows of `READ_CHANGES`.

    Raises:
        UnknownChangeError: A newer version wrote one of them.
    """
    return [
        Entry(version, event_id, recorded_at, decode_change(version, topic, bytes(state)))
        for version, event_id, recorded_at, topic, state in rows
    ]


def read_book(connection: psycopg.Connection) -> RuleBook:
    """The rule book as it is now.

    Raises:
        UnknownChangeError: It holds a change of a newer version.
    """
    return RuleBook().fold(entries(connection.execute(READ_CHANGES, (0,)).fetchall()))


def add_ruleset(connection: psycopg.Connection, ruleset: RuleSet, *, by: str) -> Added:
    """Add a rule set; the same again changes nothing, also for the one that is built in.

    Raises:
        RefusedChangeError: There is another one with its id.
    """
    if ruleset == DEFAULT_RULESET:
        return Added(replayed=True, book=read_book(connection))

    def change(book: RuleBook, _: int) -> Change:
        stored = book.rulesets.get(ruleset.id)
        if stored is not None and stored.added_at is None:
            raise RefusedChangeError(
                "id_reused",
                f"Rule set {ruleset.id} is built in, with other contents.",
                "Activate it as it is, or add yours under another id.",
            )
        if stored is not None and stored.content_hash != content_hash(ruleset):
            raise _reused(f"Rule set {ruleset.id} exists", "Rule sets never change: add a version.")
        return RuleSetAdded(ruleset_to_json(ruleset), content_hash(ruleset), by)

    recorded = _record(connection, f"ruleset:{ruleset.id}", change)
    return Added(recorded.replayed, recorded.book)


def activate(
    connection: psycopg.Connection, activation_id: str, ruleset_id: str, *, reason: str, by: str
) -> Recorded:
    """Let a rule set decide, in every process within a second; the same again changes nothing.

    Raises:
        RefusedChangeError: There is no such rule set, or the id was used for something else.
        UnreadableRuleSetError: This version could not decide by it.
    """

    def change(book: RuleBook, position: int) -> Change:
        find_ruleset(book, ruleset_id).read()
        return RuleSetActivated(activation_id, ruleset_id, reason, by, position)

    return _record(connection, f"activation:{activation_id}", change)


def start_shadowing(
    connection: psycopg.Connection, shadowing_id: str, ruleset_id: str, *, reason: str, by: str
) -> Recorded:
    """Let a rule set decide along, instead of the one that did; the same again changes nothing.

    Raises:
        RefusedChangeError: There is no such rule set, it decides already, or the id was used for
            something else.
        UnreadableRuleSetError: This version could not decide by it.
    """

    def change(book: RuleBook, position: int) -> Change:
        find_ruleset(book, ruleset_id).read()
        if book.active_id == ruleset_id:
            raise RefusedChangeError(
                "ruleset_in_force",
                f"Rule set {ruleset_id} decides already, so it could not disagree.",
                "Shadow another one.",
            )
        return ShadowingStarted(shadowing_id, ruleset_id, reason, by, position)

    return _record(connection, f"shadowing:{shadowing_id}", change)


def end_shadowing(
    connection: psycopg.Connection, ruleset_id: str, shadowing_id: str, *, by: str
) -> RuleBook:
    """End a shadowing; one that is over stays over.

    Raises:
        RefusedChangeError: That rule set has no such shadowing.
    """
    book = read_book(connection)
    shadowing = find_shadowing(book, ruleset_id, shadowing_id)
    if shadowing.until_position is not None:
        return book

    def change(_: RuleBook, position: int) -> Change:
        return ShadowingEnded(shadowing_id, by, position)

    return _record(connection, f"shadowing-end:{shadowing_id}", change).book


def _record(
    connection: psycopg.Connection, key: str, change: Callable[[RuleBook, int], Change]
) -> Recorded:
    """Append what follows from the rule book, unless it holds the same under this key."""
    with connection.transaction():
        connection.execute(_LOCK)
        book = read_book(connection)
        row = connection.execute(_LAST_POSITION).fetchone()
        assert row is not None
        asked = change(book, row[0])
        before = book.entries.get(key)
        if before is not None:
            if not _says_the_same(before.change, asked):
                raise _reused(f"{key.replace(':', ' ')} was recorded before", "Use a new id.")
            return Recorded(before, replayed=True, book=book)
        event_id = urandom(16).hex()
        row = connection.execute(
            _APPEND,
            (book.version + 1, event_id, asked.key, asked.TOPIC, encode_change(asked)),
        ).fetchone()
        assert row is not None
        entry = Entry(book.version + 1, event_id, row[0], asked)
        return Recorded(entry, replayed=False, book=book.fold([entry]))


def find_ruleset(book: RuleBook, ruleset_id: str) -> StoredRuleSet:
    """The rule set of this id.

    Raises:
        RefusedChangeError: There is none.
    """
    stored = book.rulesets.get(ruleset_id)
    if stored is None:
        raise RefusedChangeError(
            "ruleset_not_found",
            f"There is no rule set {ruleset_id}.",
            "Add it first; `txplatform rulesets list` shows those there are.",
        )
    return stored


def find_shadowing(book: RuleBook, ruleset_id: str, shadowing_id: str) -> Shadowing:
    """The shadowing of this id.

    Raises:
        RefusedChangeError: This rule set has none of it.
    """
    shadowing = book.shadowings.get(shadowing_id)
    if shadowing is None or shadowing.ruleset_id != ruleset_id:
        raise RefusedChangeError(
            "shadowing_not_found",
            f"Rule set {ruleset_id} has no shadowing {shadowing_id}.",
            "`txplatform rulesets show` lists those it has.",
        )
    return shadowing


def _says_the_same(before: Change, asked: Change) -> bool:
    """Whether it is a copy: by whom and when it came does not matter."""
    match before, asked:
        case RuleSetAdded(), RuleSetAdded():
            return before.content_hash == asked.content_hash
        case RuleSetActivated(), RuleSetActivated():
            return (before.ruleset_id, before.reason) == (asked.ruleset_id, asked.reason)
        case ShadowingStarted(), ShadowingStarted():
            return (before.ruleset_id, before.reason) == (asked.ruleset_id, asked.reason)
    return type(before) is type(asked)


def _reused(what: str, next_step: str) -> RefusedChangeError:
    return RefusedChangeError("id_reused", f"{what} with other contents.", next_step)

"""The base classes of read models and of their expected rows for `txplatform verify`."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, LiteralString, NamedTuple

import psycopg
from psycopg import sql

from txplatform.domain.account import Account
from txplatform.eventstore.statements import LoggedEvent
from txplatform.following.checkpoint import Checkpoint

Row = tuple[Any, ...]


class ExpectedRows(ABC):
    """The rows that one account should have in a read model, for `txplatform verify`.

    The rows are derived from the account's events without the code of `Projection.fold`, so a
    mistake in either derivation shows as a difference (invariant I1).
    """

    def add(self, logged: LoggedEvent) -> None:  # noqa: B027  # most need only the account
        """Add the account's next event."""

    @abstractmethod
    def rows(self, account: Account) -> Iterable[Row]:
        """Return the expected rows, given the account's state after the last event added."""


class Projection(ABC):
    """A read model.

    A rebuild folds the same events in different batches and has to produce the same rows. So a fold
    may read only its own table and the columns of the log. It copies what events state: their
    changes and times. It never reads another read model, a snapshot or the clock.

    Attributes:
        name: The name in the checkpoint and on the command line.
        table: The live table. A rebuild folds into another table of the same shape.
        row: The `NamedTuple` type of a row; its fields are the columns, including `account_id`.
        key: The columns that identify a row.
        fold: SQL that applies events to `{table}`; parameters: a log position, after which events
            are applied, and the position of the last one.
        totals: Names and SQL aggregates; a rebuild compares the figures of the old and new tables.
        pause_s: The projector's pause between batches, in seconds. A row costs less in a large
            batch than in a small one.
    """

    name: ClassVar[str]
    table: ClassVar[str]
    row: ClassVar[type[Any]]
    key: ClassVar[tuple[str, ...]]
    fold: ClassVar[LiteralString]
    totals: ClassVar[Sequence[tuple[str, LiteralString]]]
    pause_s: ClassVar[float] = 0.1

    @abstractmethod
    def expected(self) -> ExpectedRows:
        """Return an `ExpectedRows` for an account that has no events yet."""


def checkpoint_of(name: str) -> Checkpoint:
    """Return the checkpoint of the read model with this name."""
    return Checkpoint(f"projection:{name}")


_NEXT_RANGE = """
SELECT max(position), count(*) FROM (
    SELECT position FROM events WHERE position > %s ORDER BY position LIMIT %s
) batch
WHERE position <= coalesce(%s::bigint, position)
"""


def next_range(
    connection: psycopg.Connection, after: int, limit: int, *, last: int | None = None
) -> tuple[int | None, int]:
    """Return the position of the last of the next events, and their number; None and 0 at the end.

    At most `limit` events are taken, and none after position `last`.
    """
    rows = connection.execute(_NEXT_RANGE, (after, limit, last), prepare=True).fetchall()
    ((upto, events),) = rows
    return upto, events


class SkippedEvents(NamedTuple):
    """The events that a read model lacks, since the database refused them.

    Attributes:
        first: The log position of the first one; None if there is none.
    """

    number: int
    first: int | None


_SKIP = """
INSERT INTO skipped_events (projection, position, why) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING
"""
_SKIPPED = "SELECT count(*), min(position) FROM skipped_events WHERE projection = %s"


def skip_event(connection: psycopg.Connection, name: str, position: int, why: str) -> None:
    """Record that a read model lacks an event; the caller moves the checkpoint past it."""
    connection.execute(_SKIP, (name, position, why))


def skipped_events(connection: psycopg.Connection, name: str) -> SkippedEvents:
    """Return the events that the read model with this name lacks."""
    ((number, first),) = connection.execute(_SKIPPED, (name,)).fetchall()
    return SkippedEvents(number, first)


def fold(
    connection: psycopg.Connection, projection: Projection, table: str, after: int, upto: int
) -> None:
    """Apply the events after one log position and up to another to a table of the projection.

    The caller stores the position `upto` in the same transaction.
    """
    statement = sql.SQL(projection.fold).format(table=sql.Identifier(table))
    connection.execute(statement, (after, upto), prepare=True)

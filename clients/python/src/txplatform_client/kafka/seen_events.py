"""Detects copies of events, in the transaction in which their effects are stored."""

from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString, Protocol


class _Cursor(Protocol):
    @property
    def rowcount(self) -> int: ...


class Connection(Protocol):
    """A connection inside a transaction, such as that of psycopg or sqlite3."""

    def execute(self, query: LiteralString, params: Any, /) -> _Cursor:
        """Execute a statement."""


class AsyncConnection(Protocol):
    """A connection for asyncio inside a transaction, such as that of psycopg."""

    def execute(self, query: LiteralString, params: Any, /) -> Awaitable[_Cursor]:
        """Execute a statement."""


class SeenEvents:
    """The ids of handled events, in a table of the consumer's own database.

    Kafka delivers a message at least once. To detect every copy, add the id in the transaction that
    stores the event's effect: both are committed, or neither. Commit the offset after that
    transaction.

        with connection.transaction():
            if seen.add(connection, envelope.event_id):
                apply(connection, envelope.message)

    Copies are detected in any order. If two consumers handle one event at once, the second waits
    for the first one's commit, and then skips the event. If the first rolls back, the second
    handles the event.

    Args:
        consumer: Names the consumer. Several consumers may share the table; each has its own ids.
        placeholder: How the database's driver marks a parameter: `%s`, or `?` for sqlite3.
    """

    TABLE: LiteralString = """
    CREATE TABLE IF NOT EXISTS seen_events (
        consumer TEXT NOT NULL,
        event_id TEXT NOT NULL,
        seen_at TEXT NOT NULL,
        PRIMARY KEY (consumer, event_id)
    );
    CREATE INDEX IF NOT EXISTS seen_events_by_age ON seen_events (seen_at);
    """
    """The table and its index, for a migration of the consumer."""

    def __init__(self, consumer: str, *, placeholder: LiteralString = "%s") -> None:
        self._consumer = consumer
        mark = placeholder
        self._add: LiteralString = (
            "INSERT INTO seen_events (consumer, event_id, seen_at) "
            f"VALUES ({mark}, {mark}, {mark}) ON CONFLICT DO NOTHING"
        )
        self._forget: LiteralString = (
            f"DELETE FROM seen_events WHERE consumer = {mark} AND seen_at < {mark}"
        )

    def add(self, connection: Connection, event_id: str) -> bool:
        """Add an event. Return False if it was added before: then skip it."""
        return connection.execute(self._add, self._row(event_id)).rowcount == 1

    async def add_async(self, connection: AsyncConnection, event_id: str) -> bool:
        """Add an event. Return False if it was added before: then skip it."""
        return (await connection.execute(self._add, self._row(event_id))).rowcount == 1

    def forget(self, connection: Connection, older_than: timedelta) -> int:
        """Delete the ids of events that were handled longer ago, and return their number.

        A copy that comes later is handled again. So keep ids for longer than the topics keep their
        messages (`retention.ms`); then no copy can come.
        """
        before = _stamp(datetime.now(UTC) - older_than)
        return connection.execute(self._forget, (self._consumer, before)).rowcount

    def _row(self, event_id: str) -> tuple[str, str, str]:
        return self._consumer, event_id, _stamp(datetime.now(UTC))


def _stamp(time: datetime) -> str:
    """Return a time as text that sorts by time, for any database."""
    return time.isoformat(timespec="microseconds")

"""The event store as the eventsourcing library sees it: one recorder on our own tables.

The library's own statements are replaced, for three reasons: columns are named, so that an
added one breaks nothing; the log's order is kept by an advisory lock, which does not wait
behind VACUUM; and business keys are unique within the stream.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, cast
from uuid import UUID

from eventsourcing.persistence import IntegrityError, Notification, StoredEvent
from eventsourcing.postgres import (
    PostgresAggregateRecorder,
    PostgresApplicationRecorder,
    PostgresDatastore,
)
from psycopg.rows import dict_row

from txplatform.database import Database
from txplatform.eventstore.mapper import StoredAccountEvent
from txplatform.eventstore.snapshot import SNAPSHOT_TOPIC
from txplatform.eventstore.statements import (
    APPEND,
    INSERT_SNAPSHOTS,
    LAST_POSITION,
)


class Datastore(PostgresDatastore):
    """The library's datastore on a connection pool of ours, which takes a whole URL."""

    def __init__(self, database: Database, *, pool_size: int) -> None:
        super().__init__("", "", "", "", "", originator_id_type="text")
        pool = database.pool(pool_size)
        pool.kwargs["row_factory"] = dict_row  # type: ignore[index]
        self.pool = cast("Any", pool)

    def register_type_adapters(self) -> None:
        """Our statements take plain arrays: there are no composite types to learn."""


class StreamReader(PostgresAggregateRecorder):
    """Reads one stream of `events` or of `snapshots`.

    Attributes:
        topic: The only topic that is read; None for all.
    """

    topic: ClassVar[str | None] = None

    def select_events(  # the library's
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        order = "DESC" if desc else "ASC"
        query = (
            "SELECT originator_id, originator_version, topic, state"  # constants
            f" FROM {self.events_table_name}"
            " WHERE originator_id = %s"
            " AND (%s::text IS NULL OR topic = %s)"
            " AND originator_version > %s AND (%s::bigint IS NULL OR originator_version <= %s)"
            f" ORDER BY originator_version {order} LIMIT %s"
        )
        with self.datastore.get_connection() as connection, connection.cursor() as cursor:
            cursor.execute(query, (originator_id, self.topic, self.topic, gt or 0, lte, lte, limit))
            return [StoredEvent(**row) for row in cursor.fetchall()]


class SnapshotRecorder(StreamReader):
    """Stores snapshots of the current shape; one that exists already is left as it is."""

    topic = SNAPSHOT_TOPIC

    def insert_events(  # the library's
        self, stored_events: Sequence[StoredEvent], **_: Any
    ) -> Sequence[int] | None:
        with self.datastore.get_connection() as connection:
            connection.execute(
                INSERT_SNAPSHOTS,
                (
                    [event.originator_id for event in stored_events],
                    [event.originator_version for event in stored_events],
                    [event.topic for event in stored_events],
                    [event.state for event in stored_events],
                ),
            )
        return None


class AccountRecorder(StreamReader, PostgresApplicationRecorder):
    """Appends account events to the log and reads them."""

    def insert_events(self, stored_events: Sequence[StoredEvent], **_: Any) -> Sequence[int] | None:
        """Append, all or nothing.

        Raises:
            IntegrityError: A version or a business key exists already; nothing was appended.
        """
        if not stored_events:
            return []
        events = [cast("StoredAccountEvent", event) for event in stored_events]
        with self.datastore.get_connection() as connection, connection.transaction():
            row = connection.execute(
                APPEND,
                (
                    [event.originator_id for event in events],
                    [event.originator_version for event in events],
                    [event.event_key for event in events],
                    [event.topic for event in events],
                    [event.state for event in events],
                    [event.transaction_id for event in events],
                ),
            ).fetchone()
            if row is None or row["append_events"]:
                raise IntegrityError(
                    f"a version or a business key exists already: {row and row['append_events']}"
                )
        return None

    def select_notifications(  # the library's
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        after = (start or 0) - (1 if inclusive_of_start and start is not None else 0)
        with self.datastore.get_connection() as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT position AS id, originator_id, originator_version, topic, state"
                " FROM events WHERE position > %s"
                " AND (%s::bigint IS NULL OR position <= %s)"
                " AND (%s::text[] = '{}' OR topic = ANY(%s))"
                " ORDER BY position LIMIT %s",
                (after, stop, stop, list(topics), list(topics), limit),
            )
            return [Notification(**row) for row in cursor.fetchall()]

    def max_notification_id(self) -> int | None:  # the library's
        with self.datastore.get_connection() as connection, connection.cursor() as cursor:
            cursor.execute(LAST_POSITION)
            row = cursor.fetchone()
            return row["coalesce"] or None if row else None

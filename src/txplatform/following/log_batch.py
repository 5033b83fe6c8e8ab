"""Reads one batch of the log for a follower that writes to the same database."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg

from txplatform.eventstore.log import read_log
from txplatform.eventstore.statements import LoggedEvent
from txplatform.following.checkpoint import Checkpoint


@contextmanager
def next_batch(
    connection: psycopg.Connection,
    checkpoint: Checkpoint,
    limit: int,
    *,
    until: int | None = None,
) -> Iterator[Sequence[LoggedEvent] | None]:
    """Read the next events; commit the writes of the `with` block together with the checkpoint.

    Args:
        connection: A connection in autocommit mode.
        checkpoint: The checkpoint to read from and move; locked until the commit.
        limit: The maximum number of events to read.
        until: The last log position to read; None for the log's end.

    Yields:
        The events, oldest first; an empty list at the end of the log. None if another session has
        locked the checkpoint.

    Raises:
        psycopg.Error: A statement failed; nothing was written.
    """
    with connection.transaction():
        before = checkpoint.try_to_lock(connection)
        if before is None:
            yield None
            return
        events = read_log(connection, before, limit)
        if until is not None:
            events = [logged for logged in events if logged.position <= until]
        yield events
        if events:
            checkpoint.move(connection, before=before, to=events[-1].position)

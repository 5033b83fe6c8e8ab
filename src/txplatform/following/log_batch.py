"""One batch of the log for a follower whose results are rows in this database."""

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
    """Read the next events; commit the rows that the block writes together with the checkpoint.

    Args:
        connection: In autocommit mode.
        checkpoint: Locked until the commit.
        limit: The most events to read.
        until: The last log position to read; None for the log's end.

    Yields:
        The events, oldest first, none at the end; None while another session has the checkpoint.

    Raises:
        psycopg.Error: Nothing was written.
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

"""Whose turn it is to publish a feed, and how far the feed has come.

Lock, reads and checkpoint share one connection. Whoever has lost it can neither read on nor
move the checkpoint. What it still has in flight repeats, in order, what its successor sends.
"""

from __future__ import annotations

import psycopg

from txplatform.following.checkpoint import Checkpoint, CheckpointError
from txplatform.publisher.feed import Feed

_LOCK = 0x7478_7062
"""First half of the advisory locks of publishers ("txpb"); the second is the feed's."""

SILENCE_S = 10
"""After this an active publisher that says nothing is taken for frozen; none is idle longer."""


def end_when_silent(connection: psycopg.Connection) -> None:
    """Have the server end this connection, and with it the turn, when its process is frozen."""
    connection.execute(f"SET idle_session_timeout = '{SILENCE_S}s'")


def commit_without_waiting(connection: psycopg.Connection) -> None:
    """Move the checkpoint without waiting for the disk.

    Others see it at once. A crash of the server can set it back by moments, never ahead of the
    log: then a few records are sent again, in order, as after any other fault.
    """
    connection.execute("SET synchronous_commit = off")


def try_to_take_turn(connection: psycopg.Connection, feed: Feed) -> bool:
    """Become the one who publishes this feed, for as long as the connection lives."""
    row = connection.execute("SELECT pg_try_advisory_lock(%s, %s)", (_LOCK, feed.lock)).fetchone()
    return row is not None and bool(row[0])


def read_checkpoint(connection: psycopg.Connection, feed: Feed) -> int:
    """Where the feed goes on; 0 for a new one.

    Raises:
        CheckpointError: It lies behind the end of the feed: the database is older than it.
        psycopg.Error: It cannot be read, or could not be moved: what is sent would be sent again
            and again.
    """
    position = checkpoint_of(feed).lock(connection)
    if position > (end := feed.end(connection)):
        raise CheckpointError(
            f"The checkpoint of {feed.name} is {position}, but the feed ends at {end}.",
            why="The log has lost its end: it was restored from a backup, perhaps.",
            next_step="Find out what was lost; then set the checkpoint in the table checkpoints"
            " back to a position that both histories share.",
        )
    return position


def move_checkpoint(connection: psycopg.Connection, feed: Feed, *, before: int, to: int) -> None:
    """Remember that everything up to here is acknowledged.

    Raises:
        CheckpointError: Someone else has moved it meanwhile.
    """
    checkpoint_of(feed).move(connection, before=before, to=to)


def checkpoint_of(feed: Feed) -> Checkpoint:
    """Return the checkpoint of this feed."""
    return Checkpoint(f"publisher:{feed.name}")

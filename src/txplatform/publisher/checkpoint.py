"""The checkpoint of a feed: everything up to it was acknowledged by the broker."""

from __future__ import annotations

import psycopg

from txplatform.following.checkpoint import Checkpoint, CheckpointError
from txplatform.publisher.feed import Feed


def checkpoint_of(feed: Feed) -> Checkpoint:
    """Return the checkpoint of this feed."""
    return Checkpoint(f"publisher:{feed.name}")


def read_checkpoint(connection: psycopg.Connection, feed: Feed) -> int:
    """Return the position to continue from; 0 for a new feed.

    Raises:
        CheckpointError: The checkpoint is past the end of the feed: the database is older.
        psycopg.Error: The checkpoint cannot be read, or could not be moved. Whatever was sent would
            be sent again at every attempt.
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

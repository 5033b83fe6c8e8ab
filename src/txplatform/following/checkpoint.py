"""Checkpoints: the position up to which each follower, such as a projector, has read.

A follower that writes to this database locks the checkpoint, writes its rows and moves the
checkpoint in one transaction, so no event is applied twice. A follower that writes elsewhere moves
the checkpoint after its writes are confirmed; the move fails if another process moved it meanwhile.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from txplatform.errors import TxPlatformError
from txplatform.eventstore.statements import LAST_POSITION

_BEGIN = "INSERT INTO checkpoints (name, position) VALUES (%s, %s) ON CONFLICT DO NOTHING"
_READ = "SELECT position FROM checkpoints WHERE name = %s"
_LOCK = f"{_READ} FOR UPDATE"
_TRY_TO_LOCK = f"{_LOCK} SKIP LOCKED"
_READ_WITH_END = f"SELECT coalesce(({_READ}), 0), ({LAST_POSITION})"
_MOVE = """
UPDATE checkpoints SET position = %s, moved_at = clock_timestamp() WHERE name = %s AND position = %s
"""

_READ_WITH_WAITS = """
SELECT coalesce(c.position, 0), extract(epoch FROM clock_timestamp() - CASE f.name
WHEN 'publisher:parked-messages' THEN (
    SELECT coalesce(resolved_at, received_at) FROM inbound_messages
    WHERE parked_number > coalesce(c.position, 0) ORDER BY parked_number LIMIT 1
) ELSE (
    SELECT real_time(recorded_at) FROM events
    WHERE position > coalesce(c.position, 0) ORDER BY position LIMIT 1
) END)::float8
FROM unnest(%s::text[]) WITH ORDINALITY AS f (name, number) LEFT JOIN checkpoints c USING (name)
ORDER BY f.number
"""


class CheckpointError(TxPlatformError):
    """A checkpoint is not at the expected position."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One follower's checkpoint.

    Attributes:
        name: The name in the table `checkpoints`, such as `projection:transactions`.
    """

    name: str

    def begin(self, connection: psycopg.Connection, position: int = 0) -> None:
        """Create the checkpoint at `position`, if it does not exist."""
        connection.execute(_BEGIN, (self.name, position))

    def read(self, connection: psycopg.Connection) -> int:
        """Return the position of the last event read; 0 if none has been read."""
        row = connection.execute(_READ, (self.name,)).fetchone()
        return 0 if row is None else int(row[0])

    def read_with_end(self, connection: psycopg.Connection) -> tuple[int, int]:
        """Return the position of the last event read, and the last position in the log."""
        row = connection.execute(_READ_WITH_END, (self.name,)).fetchone()
        assert row is not None
        position, end = row
        return position, end

    def lock(self, connection: psycopg.Connection) -> int:
        """Lock the checkpoint until the transaction ends; wait if another session has locked it.

        Returns:
            The position of the last event read.
        """
        self.begin(connection)
        row = connection.execute(_LOCK, (self.name,)).fetchone()
        assert row is not None
        return int(row[0])

    def try_to_lock(self, connection: psycopg.Connection) -> int | None:
        """Lock the checkpoint until the transaction ends, without waiting.

        Returns:
            The position of the last event read; None if another session holds the lock.
        """
        row = connection.execute(_TRY_TO_LOCK, (self.name,)).fetchone()
        if row is None:  # locked, or not created yet
            self.begin(connection)
            row = connection.execute(_TRY_TO_LOCK, (self.name,)).fetchone()
        return None if row is None else int(row[0])

    def move(self, connection: psycopg.Connection, *, before: int, to: int) -> None:
        """Move the checkpoint from `before` to `to`.

        Raises:
            CheckpointError: The checkpoint is no longer at `before`; the caller must roll back.
        """
        if connection.execute(_MOVE, (to, self.name, before)).rowcount != 1:
            raise CheckpointError(
                f"The checkpoint {self.name} is no longer at {before}.",
                why="Another process or an operator has moved it.",
                next_step="No action needed: reading continues from its new position.",
            )


def read_with_waits(
    connection: psycopg.Connection, names: Sequence[str]
) -> list[tuple[int, float | None]]:
    """Return the position of each checkpoint, and for how long the first item after it has waited.

    The time is in seconds, by the database's clock; None if nothing waits.
    """
    return connection.execute(_READ_WITH_WAITS, (list(names),)).fetchall()

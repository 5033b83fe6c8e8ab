"""Up to where in the log each read model has been folded.

Whoever folds a read model locks its position first and moves it in the same transaction as
the rows. So two projectors, or a projector and a rebuild, never fold the same event twice.
"""

from __future__ import annotations

import psycopg

from txplatform.errors import TxPlatformError

_LOCK = "SELECT position FROM projection_positions WHERE name = %s FOR UPDATE"
_LOCK_OR_SKIP = "SELECT position FROM projection_positions WHERE name = %s FOR UPDATE SKIP LOCKED"


class PositionError(TxPlatformError):
    """A read model's position is missing, or was moved by someone else."""


def read_positions(connection: psycopg.Connection) -> dict[str, int]:
    """The last log position that each read model has read."""
    rows = connection.execute("SELECT name, position FROM projection_positions")
    return {name: position for name, position in rows}  # noqa: C416  # typed, dict() is not


def read_position(connection: psycopg.Connection, name: str) -> int:
    """The last log position that this read model has read.

    Raises:
        PositionError: The database does not know the read model.
    """
    positions = read_positions(connection)
    if name not in positions:
        raise PositionError(
            f"The database has no read model {name!r}.",
            why="Its migration has not been applied.",
            next_step="Run `txplatform migrate`.",
        )
    return positions[name]


def lock_position(connection: psycopg.Connection, name: str, *, wait: bool = False) -> int | None:
    """Keep others from folding this read model until the transaction ends.

    Args:
        connection: In a transaction.
        name: The read model.
        wait: For whoever folds it now; otherwise None is given at once.

    Returns:
        The last position read; None while someone else folds.
    """
    row = connection.execute(_LOCK if wait else _LOCK_OR_SKIP, (name,)).fetchone()
    return None if row is None else int(row[0])


def move_position(connection: psycopg.Connection, name: str, *, before: int, after: int) -> None:
    """Move the position, in the transaction that has locked it and written the rows.

    Raises:
        PositionError: It was moved by someone else; roll back.
    """
    moved = connection.execute(
        "UPDATE projection_positions SET position = %s, moved_at = clock_timestamp()"
        " WHERE name = %s AND position = %s",
        (after, name, before),
    )
    if moved.rowcount != 1:
        raise PositionError(
            f"The position of {name!r} is not {before} any more.",
            why="Something else folds this read model without locking its position.",
            next_step="Nothing was written; find and stop the other process.",
        )

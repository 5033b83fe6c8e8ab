"""Positions: the next offset to read in each partition, stored in the database.

The transaction that processes a batch of messages also moves the positions, by compare-and-set. So
a consumer that has lost a partition without noticing cannot commit anything for that partition.
"""

from collections.abc import Sequence
from typing import NamedTuple

import psycopg

from txplatform.errors import TxPlatformError
from txplatform.eventstore.statements import column_arrays


class FencedError(TxPlatformError):
    """A position was moved by another consumer or an operator; the batch is rolled back."""


class PartitionKey(NamedTuple):
    """A partition of a topic."""

    topic: str
    partition: int


class Position(NamedTuple):
    """A partition's stored position.

    Attributes:
        topic_id: The topic's id when the partition was first read; empty if the broker had none.
        next_offset: The next offset to read.
    """

    topic: str
    partition: int
    topic_id: str
    next_offset: int


class Move(NamedTuple):
    """A move of a partition's position from offset `expected` to `next_offset`."""

    topic: str
    partition: int
    expected: int
    next_offset: int


_BEGIN = """
INSERT INTO inbound_positions (cluster_id, topic, partition, topic_id, next_offset)
SELECT %s, * FROM unnest(%s::text[], %s::int[], %s::text[], %s::bigint[])
ON CONFLICT DO NOTHING
"""

_READ = """
SELECT p.topic, p.partition, p.topic_id, p.next_offset
FROM unnest(%s::text[], %s::int[]) AS wanted (topic, partition)
JOIN inbound_positions p ON p.cluster_id = %s
    AND p.topic = wanted.topic AND p.partition = wanted.partition
"""

_ADVANCE = """
UPDATE inbound_positions p SET next_offset = m.next_offset, moved_at = now()
FROM unnest(%s::text[], %s::int[], %s::bigint[], %s::bigint[])
     AS m (topic, partition, expected, next_offset)
WHERE p.cluster_id = %s AND p.topic = m.topic AND p.partition = m.partition
  AND p.next_offset = m.expected
"""


def begin(
    connection: psycopg.Connection, cluster_id: str, beginnings: Sequence[Position]
) -> dict[PartitionKey, Position]:
    """Store these positions for partitions without one; return the positions now stored."""
    connection.execute(_BEGIN, (cluster_id, *column_arrays(beginnings)))
    keys = [PartitionKey(each.topic, each.partition) for each in beginnings]
    return stored_positions(connection, cluster_id, keys)


def stored_positions(
    connection: psycopg.Connection, cluster_id: str, keys: Sequence[PartitionKey]
) -> dict[PartitionKey, Position]:
    """Return the stored positions of these partitions; partitions without one are left out."""
    topics, partitions = [key.topic for key in keys], [key.partition for key in keys]
    rows = connection.execute(_READ, (topics, partitions, cluster_id)).fetchall()
    return {PartitionKey(row[0], row[1]): Position(*row) for row in rows}


def advance(connection: psycopg.Connection, cluster_id: str, moves: Sequence[Move]) -> None:
    """Move the stored positions; `moves` must not be empty.

    Raises:
        FencedError: A stored position differs from the expected one; the caller must roll back.
    """
    parameters = (*column_arrays(moves), cluster_id)
    moved = connection.execute(_ADVANCE, parameters, prepare=True).rowcount
    if moved != len(moves):
        raise FencedError(
            f"{len(moves) - moved} of {len(moves)} positions were moved by another consumer.",
            why="A rebalance reassigned the partition, or an operator reset the position.",
            next_step="No action needed: reading continues from the stored position.",
        )


def all_positions(connection: psycopg.Connection) -> list[tuple[str, Position]]:
    """Return every stored position with its cluster id."""
    rows = connection.execute(
        "SELECT cluster_id, topic, partition, topic_id, next_offset FROM inbound_positions"
        " ORDER BY cluster_id, topic, partition"
    ).fetchall()
    return [(row[0], Position(*row[1:])) for row in rows]


def reset(connection: psycopg.Connection, topic: str, partition: int | None = None) -> int:
    """Delete the positions of a topic or a partition, to read it again; return their number."""
    return connection.execute(
        "DELETE FROM inbound_positions WHERE topic = %s AND (%s::int IS NULL OR partition = %s)",
        (topic, partition, partition),
    ).rowcount


def fault_of(position: Position, *, topic_id: str, watermarks: tuple[int, int]) -> str | None:
    """Return why reading cannot continue at a stored position; None if it can.

    Args:
        position: The stored position.
        topic_id: The topic's current id; empty if the broker has none.
        watermarks: The first offset available in the partition, and its end offset.
    """
    where = f"{position.topic}[{position.partition}]"
    low, high = watermarks
    how = (
        f"Run `txplatform inbound reset {position.topic}` to read the topic from its beginning: "
        "messages that were applied before are not applied twice."
    )
    if topic_id and position.topic_id and topic_id != position.topic_id:
        return f"{where} was recreated: it is not the topic that was read before. {how}"
    if position.next_offset > high:
        return (
            f"{where} ends at {high}, but was read up to {position.next_offset}: it was recreated, "
            f"or its broker lost messages. {how}"
        )
    if position.next_offset < low:
        return (
            f"{where} begins at {low}, but was read only up to {position.next_offset}: messages in "
            f"between were deleted unread. Have them sent again. {how}"
        )
    return None

"""Which lane an account's requests go through: the one place that says so.

A commit never mixes lanes, so that on a store that is distributed by account a lane can be
made to follow the shard.
"""

from zlib import crc32


def lane_of(stream_id: str, lanes: int) -> int:
    """The lane of an account's stream, the same in every process."""
    return crc32(stream_id.encode()) % lanes

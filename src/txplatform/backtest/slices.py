"""Divide the log into slices, so that several processes can each read a part.

A slice is a range of accounts. Slices do not overlap, so no row is read twice. All processes read
from one database snapshot, which the first connection exports.
"""

from collections.abc import Iterator
from itertools import pairwise

import psycopg

Slice = tuple[str, str]
"""The first stream, and the stream before which the slice ends."""

Row = tuple[str, int, str, bytes]
"""Stream, version, topic, state."""

# All account streams and no others: "." is the next character after "-".
_FIRST, _END = "account-", "account."
_SAMPLED_PAGES = 400
_SAMPLE = """
SELECT originator_id FROM events TABLESAMPLE SYSTEM (%s)
WHERE originator_id >= 'account-' AND originator_id < 'account.'
"""
_PAGES = "SELECT pg_relation_size('events') / current_setting('block_size')::int"
_READ = """
SELECT originator_id, originator_version, topic, state
FROM events
WHERE originator_id >= %s AND originator_id < %s
ORDER BY originator_id, originator_version
"""
_FETCH_ROWS = 2000


def slices(connection: psycopg.Connection, number: int) -> list[Slice]:
    """Divide the log into about `number` slices of similar size, estimated from a sample."""
    row = connection.execute(_PAGES).fetchone()
    percent = min(100.0, 100.0 * _SAMPLED_PAGES / max(row[0] if row else 0, 1))
    # Python sorts like the database, since the column is collated by code point.
    sample = sorted(stream for (stream,) in connection.execute(_SAMPLE, (percent,)))
    between = (sample[len(sample) * nth // number] for nth in range(1, number) if sample)
    return list(pairwise(dict.fromkeys((_FIRST, *between, _END))))


def read_slice(connection: psycopg.Connection, part: Slice) -> Iterator[Row]:
    """Yield a slice's rows in order of stream and version, fetching 2,000 at a time."""
    with connection.cursor("read_slice") as cursor:
        cursor.itersize = _FETCH_ROWS
        cursor.execute(_READ, part, binary=True)
        yield from cursor

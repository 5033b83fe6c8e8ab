"""What a feed is: an ordered source in the database, read into records for Kafka.

Each feed is published on its own, with its own checkpoint, so that what goes wrong with one
topic holds up no other feed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, Self

import psycopg

Header = tuple[str, "bytes | None"]


class Record(NamedTuple):
    """One message to send.

    Attributes:
        key: The account id, so that one account's messages stay in order; of a dead letter
            whatever the original had.
        body: None for a tombstone.
    """

    topic: str
    key: bytes | None
    body: bytes | None
    headers: list[Header]


@dataclass(frozen=True, slots=True)
class Batch:
    """A stretch of a feed.

    Attributes:
        upto: The checkpoint once all records are acknowledged.
        topics: How many records there are for each topic; may be empty: not every event is
            published.
        records: Can be gone through more than once.
    """

    upto: int
    topics: Mapping[str, int]
    records: Iterable[Record]

    @classmethod
    def of(cls, upto: int, records: Sequence[Record]) -> Self:
        """A stretch whose records are all there."""
        return cls(upto, Counter(record.topic for record in records), records)


class Feed(Protocol):
    """An ordered source of records.

    Attributes:
        name: Names its checkpoint, for ever.
        topics: Topics that have to be there before it starts; others are looked for when used.
        pause_s: How long to wait at its end before looking again.
    """

    name: str
    topics: Sequence[str]
    pause_s: float

    def read(self, connection: psycopg.Connection, after: int) -> Batch | None:
        """The next stretch behind a position; None at the end."""

    def end(self, connection: psycopg.Connection) -> int:
        """The position of its end, to tell the lag."""

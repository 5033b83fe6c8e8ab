"""Feeds: ordered sources in the database, read into records for Kafka.

Each feed has its own checkpoint and producer, so that a fault of one does not hold up the others.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, Self

import psycopg

Header = tuple[str, "bytes | None"]


class Record(NamedTuple):
    """One message to send.

    Attributes:
        key: The account id, so that one account's messages stay in order; the original's key in a
            dead letter.
        body: None if the original of a dead letter is a tombstone.
    """

    topic: str
    key: bytes | None
    body: bytes | None
    headers: list[Header]


@dataclass(frozen=True, slots=True)
class Batch:
    """The next part of a feed.

    Attributes:
        upto: The checkpoint's position once all records are acknowledged.
        topics: The number of records by topic; empty if no event of the batch is published.
        records: Can be iterated more than once.
    """

    upto: int
    topics: Mapping[str, int]
    records: Iterable[Record]

    @classmethod
    def of(cls, upto: int, records: Sequence[Record]) -> Self:
        """Return a batch of these records, counted by topic."""
        return cls(upto, Counter(record.topic for record in records), records)


class Feed(Protocol):
    """An ordered source of records.

    Attributes:
        name: The name in its checkpoint, which must not change.
        topics: Topics that must exist before it starts; others are checked when they are used.
        pause_s: The seconds to pause at the end of the feed.
    """

    name: str
    topics: Sequence[str]
    pause_s: float

    def read(self, connection: psycopg.Connection, after: int) -> Batch | None:
        """Return the batch after a position; None at the end."""

    def end(self, connection: psycopg.Connection) -> int:
        """Return the position of the feed's end."""

"""Feeds: ordered sources of records in the database, published to Kafka.

Each feed has its own checkpoint and producer, so a fault in one feed does not delay the others.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol, Self

import psycopg

Header = tuple[str, "bytes | None"]

SIMULATED: Header = ("simulated", b"true")
"""The header of all messages from the database of `txplatform demo`, whose times are simulated."""


class Record(NamedTuple):
    """One message to send.

    Attributes:
        key: The account id, which keeps an account's messages in order. Dead letters have the key
            of the original message.
        body: The message body; None for the dead letter of a tombstone.
    """

    topic: str
    key: bytes | None
    body: bytes | None
    headers: list[Header]


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive records of a feed.

    Attributes:
        upto: The checkpoint's position after all records are acknowledged.
        topics: The number of records by topic; empty if no event of the batch is published.
        records: The records, which can be iterated more than once.
    """

    upto: int
    topics: Mapping[str, int]
    records: Iterable[Record]

    @classmethod
    def of(cls, upto: int, records: Sequence[Record]) -> Self:
        """Return a batch of these records, counted by topic."""
        return cls(upto, Counter(record.topic for record in records), records)

    def simulated(self) -> Self:
        """Return the batch with the header `SIMULATED` on each record."""
        return replace(self, records=_Simulated(self.records))


@dataclass(frozen=True, slots=True)
class _Simulated:
    records: Iterable[Record]

    def __iter__(self) -> Iterator[Record]:
        for record in self.records:
            yield record._replace(headers=[*record.headers, SIMULATED])


class Feed(Protocol):
    """An ordered source of records.

    Attributes:
        name: Part of the checkpoint's name, so it must never change.
        topics: The topics that must exist before the first batch; others are checked when used.
        pause_s: The seconds between two reads at the end of the feed.
    """

    name: str
    topics: Sequence[str]
    pause_s: float

    def read(self, connection: psycopg.Connection, after: int) -> Batch | None:
        """Return the batch after a position; None at the end."""

    def end(self, connection: psycopg.Connection) -> int:
        """Return the feed's last position."""

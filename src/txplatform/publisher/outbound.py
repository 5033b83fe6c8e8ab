"""The feed of the log: every event that other teams are told of, in the log's order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from txplatform.eventstore.log import last_position, read_log
from txplatform.publisher import TOPICS
from txplatform.publisher.feed import Batch

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg

_RECORD_OF = {event: topic.record for topic in TOPICS.values() for event in topic.events}

BATCH_EVENTS = 1000


class Outbound:
    """What happened, on the topics that tell of it."""

    name = "decisions"
    lock = 1
    topics: Sequence[str] = tuple(TOPICS)
    pause_s = 0.05

    def read(self, connection: psycopg.Connection, after: int) -> Batch | None:  # noqa: D102
        logged = read_log(connection, after, BATCH_EVENTS)
        if not logged:
            return None
        return Batch(
            logged[-1].position,
            [
                record(each.position, each.event)
                for each in logged
                if (record := _RECORD_OF.get(type(each.event))) is not None
            ],
        )

    def end(self, connection: psycopg.Connection) -> int:  # noqa: D102
        return last_position(connection)

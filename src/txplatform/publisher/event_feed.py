"""The feed of published events, in log order."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import psycopg

from txplatform.domain.events import EVENT_TYPES
from txplatform.eventstore.log import last_position
from txplatform.eventstore.mapper import UnknownEventError
from txplatform.publisher import TOPICS
from txplatform.publisher.feed import Batch, Record
from txplatform.publisher.topic import StoredEvent

BATCH_EVENTS = 2000
"""The maximum number of events per batch, and therefore of events sent again after a fault."""

_READ = """
SELECT position, originator_id, originator_version, topic, state
FROM events WHERE position > %s ORDER BY position LIMIT %s
"""

_KNOWN = frozenset(event.TOPIC for event in EVENT_TYPES)
_TOPIC_OF = {event.TOPIC: topic for topic in TOPICS.values() for event in topic.events}


class EventFeed:
    """Reads published events from the log."""

    name = "decisions"
    topics: Sequence[str] = tuple(TOPICS)
    pause_s = 0.05

    def read(self, connection: psycopg.Connection, after: int) -> Batch | None:
        """Return the batch after a log position; None at the log's end.

        Raises:
            UnknownEventError: The log has a kind of event that this version does not know.
        """
        with connection.cursor(binary=True) as cursor:
            cursor.execute(_READ, (after, BATCH_EVENTS), prepare=True)
            rows: list[StoredEvent] = cursor.fetchall()
        if not rows:
            return None
        kinds = Counter(kind for _, _, _, kind, _ in rows)
        _require_known(kinds)
        topics: Counter[str] = Counter()
        for kind in kinds.keys() & _TOPIC_OF:
            topics[_TOPIC_OF[kind].name] += kinds[kind]
        return Batch(rows[-1][0], topics, _Records(rows))

    def end(self, connection: psycopg.Connection) -> int:
        return last_position(connection)


class _Records:
    """The records of stored events; each iteration encodes the events one by one.

    Building a list of all records would trigger long garbage collections and delay the first send.
    """

    def __init__(self, rows: Sequence[StoredEvent]) -> None:
        self._rows = rows

    def __iter__(self) -> Iterator[Record]:
        encoders = {kind: topic.encode for kind, topic in _TOPIC_OF.items()}
        for row in self._rows:
            if (encode := encoders.get(row[3])) is not None:
                yield encode(*row)


def _require_known(kinds: Iterable[str]) -> None:
    # Checked before sending; otherwise every retry would resend the records before the unknown one.
    if unknown := sorted(set(kinds) - _KNOWN):
        raise UnknownEventError(
            f"The log has an event of the unknown kind {unknown[0]!r}.",
            why="A newer version wrote it.",
            next_step="Run that version, or a newer one.",
        )

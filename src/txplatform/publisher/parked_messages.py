"""The feed of parked messages: messages that cannot be applied, published as dead letters.

The numbers of parked messages are assigned under the log's lock, so messages commit in the order of
their numbers, and a reader can resume from any number without missing one.
"""

from collections.abc import Sequence

import psycopg

from txplatform.inbox.message import REFUSED_BY_DATABASE
from txplatform.inbox.reader import StoredMessage, parked_after
from txplatform.publisher.dead_letters import DEAD_LETTER_TOPICS, WITHHELD, About, dead_letter
from txplatform.publisher.feed import Batch, Record

BATCH_MESSAGES = 50
"""The maximum number of messages per batch; it is low, since messages may be large."""

_END = "SELECT coalesce(max(parked_number), 0) FROM inbound_messages"


class ParkedMessages:
    """Reads parked messages from the inbox."""

    name = "parked-messages"
    topics: Sequence[str] = DEAD_LETTER_TOPICS
    pause_s = 0.5

    def read(self, connection: psycopg.Connection, after: int) -> Batch | None:
        parked = parked_after(connection, after, BATCH_MESSAGES)
        if not parked:
            return None
        last = parked[-1].parked_number
        assert last is not None
        return Batch.of(last, [_record(message) for message in parked])

    def end(self, connection: psycopg.Connection) -> int:
        row = connection.execute(_END).fetchone()
        return int(row[0]) if row else 0


def _withheld(reason: str | None) -> About:
    return {"dlq_withheld": reason} if reason == REFUSED_BY_DATABASE else WITHHELD


def _record(message: StoredMessage) -> Record:
    received, summary = message.received, message.summary
    return dead_letter(
        received.topic,
        received.key,
        received.body,
        received.headers,
        {
            "dlq_reason": summary.reason,
            "dlq_detail": summary.detail,
            "dlq_partition": received.partition,
            "dlq_offset": received.offset,
            "inbound_id": summary.id,
            **(_withheld(summary.reason) if summary.withheld else {}),
        },
    )

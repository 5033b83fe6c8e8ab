"""The feed of messages that waited for another message and were then rejected.

The log records each rejection (`WaitingMessageRejected`). The original message is in the inbox or,
if it came over HTTP, is rebuilt from the log.
"""

from collections.abc import Sequence

import msgspec
import psycopg

from txplatform.contracts.cloudevents import trace_headers
from txplatform.contracts.encoding import to_json
from txplatform.contracts.messages import TOPIC_OF
from txplatform.domain.advices import Clearing, Correction, Refund
from txplatform.domain.events import MessageWaiting, WaitingMessageRejected
from txplatform.domain.ids import account_of
from txplatform.eventstore.log import last_position
from txplatform.eventstore.mapper import decode_event
from txplatform.eventstore.statements import row_equals
from txplatform.inbox.reader import message_that_waited
from txplatform.publisher.dead_letters import DEAD_LETTER_TOPICS, WITHHELD, About, dead_letter
from txplatform.publisher.feed import Batch, Header, Record

_BATCH_EVENTS = 5000
"""The maximum number of events per batch; it is high, since few events are rejections."""

_READ = f"""
WITH batch AS MATERIALIZED (
    SELECT position, originator_id, originator_version, topic, state
    FROM events WHERE position > %s ORDER BY position LIMIT %s
)
SELECT ends.upto, s.position, s.originator_id, s.originator_version, s.state
FROM (SELECT max(position) AS upto FROM batch) AS ends
LEFT JOIN batch s ON s.topic = '{WaitingMessageRejected.TOPIC}'
ORDER BY s.position
"""  # the topic is a constant of this package

_WAITING = f"""
SELECT originator_version, topic, state FROM events
WHERE {row_equals("event_key, originator_id", "%(key)s, %(stream)s")}
"""  # constants of this module


class RejectedMessages:
    """Reads rejections from the log."""

    name = "rejected-messages"
    topics: Sequence[str] = DEAD_LETTER_TOPICS
    pause_s = 0.5

    def read(self, connection: psycopg.Connection, after: int) -> Batch | None:
        rows = connection.execute(_READ, (after, _BATCH_EVENTS)).fetchall()
        upto = rows[0][0]
        if upto is None:
            return None
        records = []
        for _, position, stream, version, state in rows:
            if position is not None:
                rejected = decode_event(stream, version, WaitingMessageRejected.TOPIC, state)
                assert isinstance(rejected, WaitingMessageRejected)
                records.append(_record(connection, position, rejected))
        return Batch.of(upto, records)

    def end(self, connection: psycopg.Connection) -> int:
        return last_position(connection)


def _record(
    connection: psycopg.Connection, position: int, rejected: WaitingMessageRejected
) -> Record:
    about: About = {
        "dlq_reason": rejected.reason,
        "dlq_detail": rejected.detail,
        "event_id": rejected.event_id,
        "account_version": rejected.originator_version,
        "log_position": position,
    }
    account_id = account_of(rejected.originator_id)
    found = message_that_waited(connection, account_id, rejected.business_key)
    if found is None:
        topic, key, body, headers = _from_log(connection, rejected)
        return dead_letter(topic, key, body, headers, about)
    original = found.received
    about |= {
        "dlq_partition": original.partition,
        "dlq_offset": original.offset,
        "inbound_id": found.summary.id,
        **(WITHHELD if found.summary.withheld else {}),
    }
    return dead_letter(original.topic, original.key, original.body, original.headers, about)


def _from_log(
    connection: psycopg.Connection, rejected: WaitingMessageRejected
) -> tuple[str, bytes, bytes, list[Header]]:
    row = connection.execute(
        _WAITING,
        {"key": f"waiting:{rejected.business_key}", "stream": rejected.originator_id},
    ).fetchone()
    assert row is not None  # only waiting messages are rejected
    waiting = decode_event(rejected.originator_id, *row)
    assert isinstance(waiting, MessageWaiting)
    message = waiting.message
    body = (
        _presentment(message)
        if isinstance(message, Clearing | Correction | Refund)
        else msgspec.structs.asdict(message)
    )
    del body["flags"]
    return (
        TOPIC_OF[type(message)],
        message.account_id.encode(),
        to_json(body),
        [
            ("content-type", b"application/json"),
            *trace_headers(waiting.traceparent, waiting.tracestate),
        ],
    )


def _presentment(message: Clearing | Correction | Refund) -> dict[str, object]:
    body = msgspec.structs.asdict(message)
    body["direction"] = message.direction
    if isinstance(message, Refund):
        body["clearing_id"] = body.pop("refund_id")
        del body["presented"]
    return body

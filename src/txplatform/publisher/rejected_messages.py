"""The feed of rejected messages: they waited, and then contradicted the account.

The log says that it happened (`WaitingMessageRejected`). The message itself is in the inbox as it
came. A message that is not there, because it came over HTTP, is written from the log.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

import msgspec
import psycopg

from txplatform.contracts.encoding import to_json
from txplatform.contracts.messages import (
    CreditLimitChangedMessage,
    PaymentReturnedMessage,
    PaymentSubmittedMessage,
    PresentmentReceivedMessage,
)
from txplatform.domain.advices import (
    Clearing,
    Correction,
    Direction,
    LimitChange,
    Payment,
    PaymentReturn,
    Refund,
)
from txplatform.domain.events import MessageWaiting, WaitingMessageRejected
from txplatform.domain.ids import account_of
from txplatform.eventstore.log import last_position
from txplatform.eventstore.mapper import decode_event
from txplatform.inbox.reader import message_that_waited
from txplatform.publisher.dead_letters import DEAD_LETTER_TOPICS, About, dead_letter
from txplatform.publisher.feed import Batch, Header, Record

_STRETCH = 5000
"""Events looked through at once; few of them are rejections."""

_READ = f"""
WITH stretch AS MATERIALIZED (
    SELECT position, originator_id, originator_version, topic, state
    FROM events WHERE position > %s ORDER BY position LIMIT %s
)
SELECT ends.upto, s.position, s.originator_id, s.originator_version, s.state
FROM (SELECT max(position) AS upto FROM stretch) AS ends
LEFT JOIN stretch s ON s.topic = '{WaitingMessageRejected.TOPIC}'
ORDER BY s.position
"""  # the topic is a constant of this package

_WAITING = """
SELECT originator_version, topic, state FROM events WHERE originator_id = %s AND event_key = %s
"""


class RejectedMessages:
    """Messages that waited and were rejected."""

    name = "rejected-messages"
    topics: Sequence[str] = DEAD_LETTER_TOPICS
    pause_s = 0.5

    def read(self, connection: psycopg.Connection, after: int) -> Batch | None:  # noqa: D102
        rows = connection.execute(_READ, (after, _STRETCH)).fetchall()
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

    def end(self, connection: psycopg.Connection) -> int:  # noqa: D102
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
    came = found.received
    about |= {
        "dlq_partition": came.partition,
        "dlq_offset": came.offset,
        "inbound_id": found.summary.id,
    }
    return dead_letter(came.topic, came.key, came.body, came.headers, about)


def _from_log(
    connection: psycopg.Connection, rejected: WaitingMessageRejected
) -> tuple[str, bytes, bytes, list[Header]]:
    """Return the message as the log has it: topic, key, body, headers."""
    row = connection.execute(
        _WAITING, (rejected.originator_id, f"waiting:{rejected.business_key}")
    ).fetchone()
    assert row is not None  # only waiting messages are rejected
    waiting = decode_event(rejected.originator_id, *row)
    assert isinstance(waiting, MessageWaiting)
    message = waiting.message
    body: object = message
    match message:
        case Payment():
            topic = PaymentSubmittedMessage.TOPIC
        case PaymentReturn():
            topic = PaymentReturnedMessage.TOPIC
        case LimitChange():
            topic = CreditLimitChangedMessage.TOPIC
        case Clearing() | Correction() | Refund():
            topic = PresentmentReceivedMessage.TOPIC
            body = _presentment(message, waiting)
        case _:
            assert_never(message)
    return (
        topic,
        message.account_id.encode(),
        to_json(body),
        [("content-type", b"application/json"), ("traceparent", waiting.traceparent.encode())],
    )


def _presentment(
    message: Clearing | Correction | Refund, waiting: MessageWaiting
) -> dict[str, object]:
    """Return the body that a message over HTTP has on the network's topic."""
    body = msgspec.structs.asdict(message)
    match message:
        case Clearing():
            occurred_at = body.pop("occurred_at")
            body |= {
                "direction": Direction.DEBIT,
                "presented_at": message.presented_at or occurred_at or waiting.timestamp,
            }
        case Refund():
            body |= {
                "clearing_id": body.pop("refund_id"),
                "direction": Direction.CREDIT,
                "presented_at": message.presented_at or waiting.timestamp,
            }
        case Correction():
            pass  # only the network sends corrections: it is as it came
        case _:
            assert_never(message)
    return body

"""The feed of rejected messages: those that waited, and then turned out to contradict the account.

The log says that it happened (`WaitingMessageRejected`). The message itself is in the inbound
ledger as it came; where the ledger no longer has it, it is written anew from the log.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

import orjson

from txplatform.contracts.times import rfc3339
from txplatform.domain.events import MessageWaiting, WaitingMessageRejected
from txplatform.domain.facts import LimitChange, Payment, PaymentReturn
from txplatform.domain.ids import account_of
from txplatform.eventstore.log import last_position
from txplatform.eventstore.mapper import decode_event
from txplatform.publisher.dead_letters import dead_letter, original_headers
from txplatform.publisher.feed import Batch

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg

    from txplatform.publisher.feed import Header, Record

_STRETCH = 5000
"""Positions looked through at once; few of them hold such an event."""

_TOPICS: dict[type, str] = {
    Payment: "payments.payment-submitted.v1",
    PaymentReturn: "payments.payment-returned.v1",
    LimitChange: "accounts.credit-limit-changed.v1",
}

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

_AS_IT_CAME = """
SELECT topic, key, body, headers, partition, "offset", id
FROM inbound_messages
WHERE first_status = 'waiting' AND account_id = %s AND business_key = %s
ORDER BY id
LIMIT 1
"""

_AS_LOGGED = """
SELECT originator_version, topic, state FROM events WHERE originator_id = %s AND event_key = %s
"""


class RejectedMessages:
    """Messages that waited in vain."""

    name = "rejected-messages"
    lock = 3
    topics: Sequence[str] = ()
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
                records.append(_dead_letter(connection, position, rejected))
        return Batch(upto, records)

    def end(self, connection: psycopg.Connection) -> int:  # noqa: D102
        return last_position(connection)


def _dead_letter(
    connection: psycopg.Connection, position: int, rejected: WaitingMessageRejected
) -> Record:
    account_id = account_of(rejected.originator_id)
    row = connection.execute(_AS_IT_CAME, (account_id, rejected.business_key)).fetchone()
    topic, key, body, headers, partition, offset, inbound_id = (
        (row[0], row[1], row[2], original_headers(row[3]), *row[4:])
        if row is not None
        else (*_written_anew(connection, rejected), None, None, None)
    )
    return dead_letter(
        topic,
        key,
        body,
        headers,
        dlq_reason=rejected.reason,
        dlq_detail=rejected.detail,
        dlq_partition=partition,
        dlq_offset=offset,
        inbound_id=inbound_id,
        event_id=rejected.event_id,
        account_version=rejected.originator_version,
        log_position=position,
    )


def _written_anew(
    connection: psycopg.Connection, rejected: WaitingMessageRejected
) -> tuple[str, bytes, bytes, list[Header]]:
    """The message by what the log knows of it: topic, key, body, headers."""
    row = connection.execute(
        _AS_LOGGED, (rejected.originator_id, f"waiting:{rejected.business_key}")
    ).fetchone()
    assert row is not None  # only what waited can be rejected
    waiting = decode_event(rejected.originator_id, *row)
    assert isinstance(waiting, MessageWaiting)
    message = waiting.message
    facts = {
        name: rfc3339(value) if isinstance(value, datetime) else value
        for name, value in asdict(message).items()
    }
    return (
        _TOPICS[type(message)],
        message.account_id.encode(),
        orjson.dumps(facts),
        [("content-type", b"application/json"), ("traceparent", waiting.traceparent.encode())],
    )

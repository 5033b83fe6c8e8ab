"""Reads the inbox: the outcome of each message from Kafka, for API, tools and publisher.

A message that waited is settled by the log, not by an update of its row: a request that opens the
account knows nothing of Kafka. So its present status is looked up whenever it is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from txplatform.contracts.inbound_messages import InboundMessageResponse, MessageStatus
from txplatform.domain.events import CreditLimitChangeSuperseded, WaitingMessageRejected
from txplatform.domain.ids import AccountId, account_stream
from txplatform.eventstore.mapper import decode_event
from txplatform.inbox.received_message import ReceivedMessage
from txplatform.inbox.writer import decode_headers

MAX_LIMIT = 500

_MESSAGE_COLUMNS = """m.id, m.cluster_id, m.topic, m.partition, m."offset", m.sent_at,
    m.received_at, m.traceparent, m.account_id, m.business_key, m.status, m.reason, m.detail,
    m.event_id, m.account_version, m.resolved_at, m.resolution"""

_CONTENT_COLUMNS = "m.topic_id, m.key, m.headers, m.body"

_SETTLED_BY = f"""
LEFT JOIN LATERAL (
    SELECT e.topic, e.originator_version, e.state, CASE e.topic
        WHEN '{WaitingMessageRejected.TOPIC}' THEN 'parked'
        WHEN '{CreditLimitChangeSuperseded.TOPIC}' THEN 'stale'
        ELSE 'applied'
    END AS status
    FROM events e
    WHERE m.status = 'waiting' AND e.originator_id = 'account-' || m.account_id
      AND e.event_key IN (m.business_key, 'rejected:' || m.business_key)
    ORDER BY e.topic = '{WaitingMessageRejected.TOPIC}' DESC
    LIMIT 1
) settled ON true
"""  # constants of this package
"""The event that settled a message that waited.

Where its copy was rejected, another copy under the same business key may have been applied
since: that one has its own row.
"""


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message as it came, and its outcome."""

    summary: InboundMessageResponse
    received: ReceivedMessage


def list_messages(  # noqa: PLR0913  # each is a filter of the API's
    connection: psycopg.Connection[Any],
    *,
    topic: str | None = None,
    account_id: str | None = None,
    status: MessageStatus | None = None,
    before_id: int | None = None,
    limit: int = 50,
) -> list[InboundMessageResponse]:
    """The outcomes of messages, the newest first.

    Args:
        connection: Any of the service's.
        topic: Only this topic's.
        account_id: Only this account's.
        status: Only those that have this status now.
        before_id: Only those with a lower id: the last id of the page before.
        limit: How many at most, up to `MAX_LIMIT`.
    """
    wanted: Mapping[LiteralString, object | None] = {
        "m.topic = %s": topic,
        "m.account_id = %s": account_id,
        "m.id < %s": before_id,
    }
    conditions: list[sql.Composable] = [
        sql.SQL(each) for each, value in wanted.items() if value is not None
    ]
    if status is not None:
        # The stored status is narrowed by constants, so that the partial index is used.
        conditions.append(sql.SQL("m.status IN ({status}, 'waiting')").format(status=status.value))
        conditions.append(
            sql.SQL("coalesce(settled.status, m.status) = {status}").format(status=status.value)
        )
    query = sql.SQL(
        "SELECT {columns}, settled.topic, settled.originator_version, settled.state"
        " FROM inbound_messages m {settled} {where} ORDER BY m.id DESC LIMIT %s"
    ).format(
        columns=sql.SQL(_MESSAGE_COLUMNS),
        settled=sql.SQL(_SETTLED_BY),
        where=sql.SQL("WHERE ") + sql.SQL(" AND ").join(conditions) if conditions else sql.SQL(""),
    )
    values = [value for value in wanted.values() if value is not None]
    rows = connection.execute(query, (*values, min(limit, MAX_LIMIT))).fetchall()
    return [_message(row) for row in rows]


def stored_message(
    connection: psycopg.Connection[Any], message_id: int, *, for_update: bool = False
) -> StoredMessage | None:
    """One message with its contents."""
    found = _stored(
        connection,
        "WHERE m.id = %s" + (" FOR NO KEY UPDATE OF m" if for_update else ""),
        (message_id,),
    )
    return found[0] if found else None


def parked_after(
    connection: psycopg.Connection[Any], after_id: int, limit: int = 100
) -> list[StoredMessage]:
    """Messages that were parked when they came, in the order of their ids.

    What a person did with one later changes nothing here: the publisher's cursor runs over it.
    """
    return _stored(
        connection,
        "WHERE m.first_status = 'parked' AND m.id > %s ORDER BY m.id LIMIT %s",
        (after_id, limit),
    )


def message_that_waited(
    connection: psycopg.Connection[Any], account_id: str, business_key: str
) -> StoredMessage | None:
    """The message that was recorded as waiting under this business key: the first, if any.

    None where it was never a message of Kafka's.
    """
    found = _stored(
        connection,
        "WHERE m.first_status = 'waiting' AND m.account_id = %s AND m.business_key = %s"
        " ORDER BY m.id LIMIT 1",
        (account_id, business_key),
    )
    return found[0] if found else None


def _stored(
    connection: psycopg.Connection[Any], where: str, values: tuple[object, ...]
) -> list[StoredMessage]:
    columns = f"{_MESSAGE_COLUMNS}, settled.topic, settled.originator_version, settled.state"
    query = (
        f"SELECT {columns}, {_CONTENT_COLUMNS}"  # constants of this module
        f" FROM inbound_messages m {_SETTLED_BY} {where}"
    )
    return [
        StoredMessage(
            message := _message(row[:-4]),
            ReceivedMessage(
                message.cluster_id,
                message.topic,
                topic_id,
                message.partition,
                message.offset,
                message.sent_at,
                key,
                decode_headers(headers),
                body,
            ),
        )
        for row in connection.execute(query.encode(), values).fetchall()
        for topic_id, key, headers, body in (row[-4:],)
    ]


def _message(row: tuple[Any, ...]) -> InboundMessageResponse:
    *columns, settled_topic, settled_version, settled_state = row
    fields = dict(zip(InboundMessageResponse.__slots__, columns, strict=True))
    fields["status"] = MessageStatus(fields["status"])
    if settled_topic is not None:
        stream = account_stream(AccountId(fields["account_id"]))
        event = decode_event(stream, settled_version, settled_topic, settled_state)
        fields["event_id"], fields["account_version"] = event.event_id, event.originator_version
        fields["status"] = MessageStatus.APPLIED
        if isinstance(event, WaitingMessageRejected):
            fields["status"] = MessageStatus.PARKED
            fields["reason"], fields["detail"] = event.reason, event.detail
        elif isinstance(event, CreditLimitChangeSuperseded):
            fields["status"] = MessageStatus.STALE
    return InboundMessageResponse(**fields)

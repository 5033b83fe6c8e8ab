"""Reads messages and their outcomes from the inbox, for the API, command line and publisher.

A message may wait for another, such as the opening of its account. When the wait ends, an event is
recorded, but the message's row is not updated. So each read looks up the current status in the log.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from txplatform.contracts.inbound_messages import InboundMessageResponse, MessageStatus
from txplatform.domain.events import WaitingMessageRejected
from txplatform.domain.events.event import AdviceEvent
from txplatform.domain.ids import AccountId, account_stream
from txplatform.eventstore.mapper import decode_event
from txplatform.eventstore.statements import row_equals
from txplatform.inbox.message import ReceivedMessage
from txplatform.inbox.writer import decode_headers

MAX_LIMIT = 500

_MESSAGE_COLUMNS = """m.id, m.cluster_id, m.topic, m.partition, m."offset", m.sent_at,
    m.received_at, m.traceparent, m.account_id, m.business_key,
    coalesce(settled.status, m.status), m.reason, m.detail,
    m.event_id, m.account_version, m.flags, m.withheld, m.resolved_at, m.resolution,
    settled.topic, settled.originator_version, settled.state"""

_SETTLED_BY = f"""
LEFT JOIN LATERAL (
    SELECT e.topic, e.originator_version, e.state,
        CASE WHEN e.topic = '{WaitingMessageRejected.TOPIC}' THEN 'parked' ELSE 'applied' END
        AS status
    FROM (VALUES
        (1, 'rejected:' || m.business_key, 'account-' || m.account_id),
        (2, m.business_key, 'account-' || m.account_id)
    ) AS wanted (nth, event_key, stream)
    CROSS JOIN LATERAL (
        SELECT topic, originator_version, state
        FROM events
        WHERE {row_equals("event_key, originator_id", "wanted.event_key, wanted.stream")}
        OFFSET 0
    ) e
    WHERE m.status = 'waiting'
    ORDER BY wanted.nth
    LIMIT 1
) settled ON true
"""  # constants of this package
"""Joins the event that ended the wait of a waiting message.

If the message was rejected, a copy with the same business key may have been applied later. The
rejection takes precedence, since the copy has its own row.
"""


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message as received, and its outcome."""

    summary: InboundMessageResponse
    received: ReceivedMessage


def list_messages(  # noqa: PLR0913  # the filters of the API
    connection: psycopg.Connection[Any],
    *,
    topic: str | None = None,
    account_id: str | None = None,
    status: MessageStatus | None = None,
    before_id: int | None = None,
    limit: int = 50,
) -> list[InboundMessageResponse]:
    """Return messages that match all filters, without their contents, newest first.

    For the next page, pass the last message's id as `before_id`. `limit` is capped at `MAX_LIMIT`.
    """
    filters: Mapping[LiteralString, object | None] = {
        "m.topic = %s": topic,
        "m.account_id = %s": account_id,
        "m.id < %s": before_id,
    }
    used = {condition: value for condition, value in filters.items() if value is not None}
    conditions: list[sql.Composable] = [sql.SQL(condition) for condition in used]
    if status is not None:
        # The status is a literal, so that the planner can use the partial index.
        present = "m.status IN ({0}, 'waiting') AND coalesce(settled.status, m.status) = {0}"
        conditions.append(sql.SQL(present).format(sql.Literal(status.value)))
    query = sql.SQL("SELECT {} FROM inbound_messages m {} {} ORDER BY m.id DESC LIMIT %s").format(
        sql.SQL(_MESSAGE_COLUMNS),
        sql.SQL(_SETTLED_BY),
        sql.SQL("WHERE ") + sql.SQL(" AND ").join(conditions) if conditions else sql.SQL(""),
    )
    rows = connection.execute(query, (*used.values(), min(limit, MAX_LIMIT))).fetchall()
    return [_message(row) for row in rows]


def stored_message(
    connection: psycopg.Connection[Any], message_id: int, *, for_update: bool = False
) -> StoredMessage | None:
    """Return a message with its contents, or None. With `for_update`, also lock its row."""
    lock = " FOR NO KEY UPDATE OF m" if for_update else ""
    return next(iter(_stored(connection, "WHERE m.id = %s" + lock, (message_id,))), None)


def parked_after(
    connection: psycopg.Connection[Any], after_id: int, limit: int = 100
) -> list[StoredMessage]:
    """Return messages with ids above `after_id` that were parked on arrival, in order of id.

    Messages that were retried or discarded since then are included, so that a reader misses none.
    """
    return _stored(
        connection,
        "WHERE m.first_status = 'parked' AND m.id > %s ORDER BY m.id LIMIT %s",
        (after_id, limit),
    )


def message_that_waited(
    connection: psycopg.Connection[Any], account_id: str, business_key: str
) -> StoredMessage | None:
    """Return the first message that was stored as waiting with this business key, if any."""
    found = _stored(
        connection,
        "WHERE m.first_status = 'waiting'"
        f" AND {row_equals('m.business_key, m.account_id', '%(key)s, %(account)s')}"
        " ORDER BY m.business_key, m.account_id, m.id LIMIT 1",
        {"key": business_key, "account": account_id},
    )
    return next(iter(found), None)


def _stored(
    connection: psycopg.Connection[Any],
    where: str,
    values: tuple[object, ...] | Mapping[str, object],
) -> list[StoredMessage]:
    query = (
        f"SELECT {_MESSAGE_COLUMNS}, m.topic_id, m.key, m.headers, m.body"
        f" FROM inbound_messages m {_SETTLED_BY} {where}"
    )  # constants of this module
    found = []
    for *columns, topic_id, key, headers, body in connection.execute(query.encode(), values):
        message = _message(columns)
        received = ReceivedMessage(
            message.cluster_id,
            message.topic,
            topic_id,
            message.partition,
            message.offset,
            message.sent_at,
            key,
            decode_headers(headers),
            body,
        )
        found.append(StoredMessage(message, received))
    return found


def _message(row: Sequence[Any]) -> InboundMessageResponse:
    *columns, settled_topic, settled_version, settled_state = row
    fields = dict(zip(InboundMessageResponse.__slots__, columns, strict=True))
    fields["status"] = MessageStatus(fields["status"])
    if settled_topic is not None:
        stream = account_stream(AccountId(fields["account_id"]))
        event = decode_event(stream, settled_version, settled_topic, settled_state)
        fields["event_id"], fields["account_version"] = event.event_id, event.originator_version
        fields["flags"] = [*event.flags] if isinstance(event, AdviceEvent) else []
        if isinstance(event, WaitingMessageRejected):
            fields["reason"], fields["detail"] = event.reason, event.detail
    return InboundMessageResponse(**fields)

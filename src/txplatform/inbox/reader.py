"""Reads messages with their contents and outcomes from the inbox.

A message may wait for another, such as the opening of its account. When the wait ends, an event is
recorded, but the message's row is not updated. So each read looks up the current status in the log.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from txplatform.contracts.inbound_messages import (
    InboundMessageResponse,
    MessageStatus,
)
from txplatform.domain.events import WaitingMessageRejected
from txplatform.domain.events.event import AdviceEvent
from txplatform.domain.ids import AccountId, account_stream
from txplatform.domain.keys import rejected_key
from txplatform.eventstore.mapper import decode_event
from txplatform.eventstore.statements import row_equals
from txplatform.inbox.message import ReceivedMessage
from txplatform.inbox.writer import decode_headers

MESSAGE_COLUMNS = """m.id, m.cluster_id, m.topic, m.partition, m."offset", m.sent_at,
    m.received_at, m.traceparent, m.account_id, m.business_key,
    coalesce(settled.status, m.status), m.reason, m.detail,
    m.event_id, m.account_version, m.flags, m.withheld, m.resolved_at, m.resolved_by,
    m.resolution,
    settled.topic, settled.originator_version, settled.state"""
"""The columns of a message `m` with the event that ended its wait; see `SETTLED_BY`."""

SETTLED_BY = f"""
LEFT JOIN LATERAL (
    SELECT e.topic, e.originator_version, e.state,
        CASE WHEN e.topic = '{WaitingMessageRejected.TOPIC}' THEN 'parked' ELSE 'applied' END
        AS status
    FROM (VALUES
        (1, '{rejected_key("")}' || m.business_key, 'account-' || m.account_id),
        (2, m.business_key, 'account-' || m.account_id)
    ) AS wanted (nth, event_key, stream)
    CROSS JOIN LATERAL (
        SELECT topic, originator_version, state
        FROM events
        WHERE {row_equals("event_key, originator_id", "wanted.event_key, wanted.stream")}
        OFFSET 0
    ) e
    WHERE m.status = 'waiting' AND m.reason IS NULL  -- not deferred
    ORDER BY wanted.nth
    LIMIT 1
) settled ON true
"""  # constants of this package
"""Joins the event that ended the wait of a waiting message.

If the message was rejected, a copy with the same business key may have been applied later. The
rejection takes precedence, since the copy has its own row.
"""


_CONTENTS = """
LEFT JOIN LATERAL (
    SELECT headers, body FROM inbound_contents
    WHERE message_id = m.id AND received_at = m.received_at OFFSET 0
) contents ON true
"""

_DEFERRED = """
SELECT count(*) OVER (), account_id FROM inbound_messages
WHERE status = 'waiting' AND reason IS NOT NULL ORDER BY id LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message as received, and its outcome.

    Attributes:
        parked_number: The message's place among the dead letters; None if it was never parked.
        has_contents: False if headers and body were dropped, since the message is too old.
    """

    summary: InboundMessageResponse
    received: ReceivedMessage
    parked_number: int | None
    has_contents: bool

    @property
    def deferred(self) -> bool:
        """True if the message is tried again until its account can be decided on."""
        summary = self.summary
        return summary.status is MessageStatus.WAITING and summary.reason is not None


def stored_message(
    connection: psycopg.Connection[Any], message_id: int, *, for_update: bool = False
) -> StoredMessage | None:
    """Return a message with its contents, or None. With `for_update`, also lock its row."""
    lock = " FOR NO KEY UPDATE OF m" if for_update else ""
    return next(iter(_stored(connection, "WHERE m.id = %s" + lock, (message_id,))), None)


def parked_after(
    connection: psycopg.Connection[Any], after: int, limit: int = 100
) -> list[StoredMessage]:
    """Return messages that were parked, with parked numbers above `after`, in this order.

    Messages that were retried or discarded since then are included, so that a reader misses none.
    """
    return _stored(
        connection, "WHERE m.parked_number > %s ORDER BY m.parked_number LIMIT %s", (after, limit)
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


def parked_ids(  # noqa: PLR0913  # the last one has a default
    connection: psycopg.Connection[Any],
    topic: str,
    reason: str,
    after_id: int,
    accounts: Collection[str] | None,
    limit: int = 100,
) -> list[int]:
    """Return ids above `after_id` of messages of a topic that are parked for a reason, in order.

    With `accounts`, only messages of these accounts count.
    """
    rows = connection.execute(
        "SELECT id FROM inbound_messages WHERE topic = %s AND status = 'parked' AND reason = %s"
        " AND id > %s AND (%s::text[] IS NULL OR account_id = ANY (%s)) ORDER BY id LIMIT %s",
        (topic, reason, after_id, *[None if accounts is None else list(accounts)] * 2, limit),
    )
    return [message_id for (message_id,) in rows]


def deferred_messages(connection: psycopg.Connection[Any]) -> tuple[int, str | None]:
    """Return the number of deferred messages, and the account of the oldest one."""
    row = connection.execute(_DEFERRED).fetchone()
    return (0, None) if row is None else (row[0], row[1])


def _stored(
    connection: psycopg.Connection[Any],
    where: str,
    values: tuple[object, ...] | Mapping[str, object],
) -> list[StoredMessage]:
    query = (
        f"SELECT {MESSAGE_COLUMNS}, m.topic_id, m.key, m.parked_number,"
        " contents.headers, contents.body"
        f" FROM inbound_messages m {SETTLED_BY} {_CONTENTS} {where}"
    )  # constants of this module
    found = []
    for row in connection.execute(query.encode(), values):
        *columns, topic_id, key, parked_number, headers, body = row
        message = message_of(columns)
        received = ReceivedMessage(
            message.cluster_id,
            message.topic,
            topic_id,
            message.partition,
            message.offset,
            message.sent_at,
            key,
            decode_headers(headers or ()),
            body,
        )
        found.append(StoredMessage(message, received, parked_number, headers is not None))
    return found


def message_of(row: Sequence[Any]) -> InboundMessageResponse:
    """Return the message in a row of `MESSAGE_COLUMNS`."""
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

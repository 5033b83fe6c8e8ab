"""Writes the inbox: a row for each message, and what a person decided later.

Rows are inserted under the log's lock only, so that a reader who has seen an id has seen every
lower one: dead letters are published by a cursor over it.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import orjson
import psycopg

from txplatform.inbox.message_outcome import MessageOutcome
from txplatform.inbox.received_message import ReceivedMessage

INSERT = """
INSERT INTO inbound_messages (
    cluster_id, topic, topic_id, partition, "offset", sent_at, key, headers, body,
    content_sha256, traceparent, account_id, business_key, first_status, status, reason,
    detail, event_id, account_version
)
SELECT cluster_id, topic, topic_id, partition, "offset", sent_at, key, headers::jsonb, body,
    content_sha256, traceparent, account_id, business_key, status, status, reason,
    detail, event_id, account_version
FROM unnest(
    %b::text[], %b::text[], %b::text[], %b::int[], %b::bigint[], %b::timestamptz[], %b::bytea[],
    %b::text[], %b::bytea[], %b::bytea[], %b::text[], %b::text[], %b::text[], %b::text[],
    %b::text[], %b::text[], %b::text[], %b::bigint[]
) WITH ORDINALITY AS m (
    cluster_id, topic, topic_id, partition, "offset", sent_at, key, headers, body,
    content_sha256, traceparent, account_id, business_key, status, reason, detail, event_id,
    account_version, nth
)
ORDER BY nth
ON CONFLICT (cluster_id, topic_id, topic, partition, "offset") DO NOTHING
"""

_SETTLE = """
UPDATE inbound_messages
SET status = %s, reason = %s, detail = %s, event_id = %s, account_version = %s, resolved_at = now()
WHERE id = %s
"""

_DISCARD = """
UPDATE inbound_messages SET status = 'discarded', resolved_at = now(), resolution = %s
WHERE id = %s
"""


class InboxEntry(NamedTuple):
    """A message, its trace context, and its outcome: one row."""

    message: ReceivedMessage
    traceparent: str
    outcome: MessageOutcome


def record(connection: psycopg.Connection, entries: Sequence[InboxEntry]) -> None:
    """Insert rows in order; a message that has its row already keeps it.

    The caller holds the log's lock.
    """
    if not entries:
        return
    rows = [
        (
            message.cluster_id,
            message.topic,
            message.topic_id,
            message.partition,
            message.offset,
            message.sent_at,
            message.key,
            encode_headers(message.headers),
            message.body,
            message.content_sha256,
            traceparent,
            outcome.account_id,
            outcome.business_key,
            outcome.status.value,
            outcome.reason,
            outcome.detail,
            outcome.event_id,
            outcome.account_version,
        )
        for message, traceparent, outcome in entries
    ]
    columns = [list(column) for column in zip(*rows, strict=True)]
    connection.cursor(binary=True).execute(INSERT, columns, prepare=True)


def settle(connection: psycopg.Connection, message_id: int, outcome: MessageOutcome) -> None:
    """Note the outcome of a parked message that was tried again."""
    connection.execute(
        _SETTLE,
        (
            outcome.status.value,
            outcome.reason,
            outcome.detail,
            outcome.event_id,
            outcome.account_version,
            message_id,
        ),
    )


def discard(connection: psycopg.Connection, message_id: int, why: str) -> None:
    """Note that a person gave a parked message up."""
    connection.execute(_DISCARD, (why, message_id))


def encode_headers(headers: Sequence[tuple[str, bytes | None]]) -> str:
    """A message's headers as they are stored: any bytes, in order, repeated or not."""
    if not headers:
        return "[]"
    return orjson.dumps(
        [
            [
                # A header's name may be any string; the database keeps no NUL.
                name.replace("\x00", "\N{REPLACEMENT CHARACTER}"),
                None if value is None else base64.b64encode(value).decode(),
            ]
            for name, value in headers
        ]
    ).decode()


def decode_headers(
    stored: Iterable[tuple[str, str | None]],
) -> tuple[tuple[str, bytes | None], ...]:
    """The headers as they came."""
    return tuple(
        (name, None if value is None else base64.b64decode(value)) for name, value in stored
    )

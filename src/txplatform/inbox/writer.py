"""Writes the inbound ledger: a row for each message, and what a person decided later.

Rows are inserted under the log's lock only, so that who has seen an id has seen every lower
one: dead letters are published by a cursor over it.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import orjson
import psycopg

from txplatform.consumers.parsing import ParsedMessage, ReceivedMessage
from txplatform.contracts.inbound_messages import MessageStatus
from txplatform.inbox.message_outcome import MessageOutcome

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

_REFUSED_BEFORE = """
SELECT topic, key, content_sha256, id, status
FROM inbound_messages
WHERE content_sha256 = ANY (%s) AND status IN ('parked', 'discarded', 'waiting')
ORDER BY id
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


class ContentKey(NamedTuple):
    """By what a person's decision on a message is remembered."""

    topic: str
    key: bytes | None
    content_sha256: bytes

    @classmethod
    def of(cls, message: ReceivedMessage) -> ContentKey:
        """The content key of a message."""
        return cls(message.topic, message.key, message.content_sha256)


@dataclass(frozen=True, slots=True)
class RefusedBefore:
    """That the same contents were refused before, and whether a person discarded them."""

    message_id: int
    discarded: bool


def record(
    connection: psycopg.Connection, entries: Sequence[tuple[ParsedMessage, MessageOutcome]]
) -> None:
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
            parsed.traceparent,
            outcome.account_id,
            outcome.business_key,
            outcome.status.value,
            outcome.reason,
            outcome.detail,
            outcome.event_id,
            outcome.account_version,
        )
        for parsed, outcome in entries
        for message in (parsed.message,)
    ]
    columns = [list(column) for column in zip(*rows, strict=True)]
    connection.cursor(binary=True).execute(INSERT, columns, prepare=True)


def refused_before(
    connection: psycopg.Connection, messages: Iterable[ReceivedMessage]
) -> dict[ContentKey, RefusedBefore]:
    """Which of these contents were refused before.

    One that waits in the ledger counts too: it is asked for only when the same contents are
    refused now, so what it waited for came and the log refused it.
    """
    digests = list({message.content_sha256 for message in messages})
    found: dict[ContentKey, RefusedBefore] = {}
    for topic, key, digest, message_id, status in connection.execute(_REFUSED_BEFORE, (digests,)):
        content = ContentKey(topic, key, digest)
        before = RefusedBefore(message_id, discarded=status == MessageStatus.DISCARDED)
        if content not in found or (before.discarded and not found[content].discarded):
            found[content] = before
    return found


def settle(connection: psycopg.Connection, message_id: int, outcome: MessageOutcome) -> None:
    """Note what became of a parked message that was tried again."""
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
    """A message's headers as the ledger keeps them: any bytes, in order, repeated or not."""
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

"""Writes the inbox: inserts a row for each message, and stores the decisions of operators.

Rows are inserted only under the log's lock, so ids become visible in ascending order. Therefore the
publisher of parked messages can resume after the last id it has read without skipping a row.
"""

import base64
from collections.abc import Iterable, Sequence
from typing import LiteralString

import orjson
import psycopg

from txplatform.eventstore.statements import column_arrays, row_equals
from txplatform.inbox.alarms import alarms_until
from txplatform.inbox.contents import NOTHING, keepable
from txplatform.inbox.message import Headers, MessageOutcome, ReceivedMessage, Resolver
from txplatform.inbox.unsettled import money_in

INSERT = """
INSERT INTO inbound_messages (
    cluster_id, topic, topic_id, partition, "offset", sent_at, key, withheld, content_hmac,
    traceparent, account_id, business_key, first_status, status, reason, detail, event_id,
    account_version, flags, alarms_until, amount_minor, currency, parked_number
)
SELECT cluster_id, topic, topic_id, partition, "offset", sent_at, key, withheld, content_hmac,
    traceparent, account_id, business_key, status, status, reason, detail, event_id,
    account_version, string_to_array(flags, ','), alarms_until, amount_minor, currency,
    CASE WHEN status = 'parked' THEN nextval('parked_numbers') END
FROM unnest(
    %b::text[], %b::text[], %b::text[], %b::int[], %b::bigint[], %b::timestamptz[], %b::bytea[],
    %b::boolean[], %b::bytea[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[],
    %b::text[], %b::text[], %b::bigint[], %b::text[], %b::bigint[], %b::bigint[], %b::text[]
) WITH ORDINALITY AS m (
    cluster_id, topic, topic_id, partition, "offset", sent_at, key, withheld, content_hmac,
    traceparent, account_id, business_key, status, reason, detail, event_id, account_version,
    flags, alarms_until, amount_minor, currency, nth
)
ORDER BY nth
ON CONFLICT (cluster_id, topic_id, topic, partition, "offset") DO UPDATE
SET status = excluded.status, reason = excluded.reason, detail = excluded.detail,
    account_id = excluded.account_id, business_key = excluded.business_key,
    event_id = excluded.event_id, account_version = excluded.account_version,
    flags = excluded.flags, alarms_until = excluded.alarms_until,
    resolved_at = now(), resolved_by = 'consumer'
WHERE excluded.event_id IS NOT NULL AND inbound_messages.status <> 'discarded'
  AND (inbound_messages.event_id IS NULL
    OR inbound_messages.status = 'waiting' AND excluded.status = 'applied')
"""
"""A message that is read again has a row, which is kept unless the message takes effect only now:
before, it was parked, deferred, a copy of a parked message, or rejected after it had waited.
"""

_ORIGIN: LiteralString = 'cluster_id, topic_id, topic, partition, "offset"'

INSERT_CONTENTS = f"""
INSERT INTO inbound_contents (message_id, received_at, headers, body)
SELECT m.id, m.received_at, c.headers::jsonb, c.body
FROM unnest(
    %b::text[], %b::text[], %b::text[], %b::int[], %b::bigint[], %b::text[], %b::bytea[]
) AS c (cluster_id, topic, topic_id, partition, "offset", headers, body)
CROSS JOIN LATERAL (
    SELECT id, received_at FROM inbound_messages
    WHERE {row_equals(_ORIGIN, 'c.cluster_id, c.topic_id, c.topic, c.partition, c."offset"')}
      AND received_at >= now()  -- a message stored earlier has its contents
    OFFSET 0
) m
ON CONFLICT DO NOTHING  -- stored by another consumer since this transaction began
"""  # constants of this module

_SETTLE = """
UPDATE inbound_messages
SET status = %(status)s, reason = %(reason)s, detail = %(detail)s, event_id = %(event_id)s,
    account_id = coalesce(%(account_id)s, account_id),
    business_key = coalesce(%(business_key)s, business_key),
    account_version = %(account_version)s, flags = %(flags)s, resolved_at = now(),
    resolved_by = %(by)s,
    parked_number = CASE WHEN %(status)s = 'parked' THEN
        coalesce(parked_number, nextval('parked_numbers')) ELSE parked_number END
WHERE id = %(id)s
"""

_DISCARD = """
UPDATE inbound_messages
SET status = 'discarded', resolved_at = now(), resolved_by = %s, resolution = %s
WHERE id = %s
"""


def record(  # noqa: PLR0913  # the last one has a default
    connection: psycopg.Connection,
    messages: Sequence[ReceivedMessage],
    hmacs: Sequence[bytes],
    traceparents: Sequence[str],
    outcomes: Sequence[MessageOutcome],
    *,
    withhold: bool = False,
) -> None:
    """Insert a row for each message with its trace context and outcome.

    A message that is stored already keeps its row, unless it takes effect only now. Contents that
    hold a card number are left out; if `withhold` is true, all contents. The caller is in a
    transaction and holds the log's lock.
    """
    if not messages:
        return
    *origin, keys, headers, bodies = column_arrays(messages)
    kept = [NOTHING] * len(messages) if withhold else list(map(keepable, keys, headers, bodies))
    keys, headers, bodies, withheld = column_arrays(kept)
    statuses, account_ids, business_keys, *details, flags = column_arrays(outcomes)
    columns = [
        *origin,
        keys,
        withheld,
        hmacs,
        traceparents,
        account_ids,
        business_keys,
        [status.value for status in statuses],
        *details,
        [",".join(each) for each in flags],
        list(map(alarms_until, messages, outcomes)),
        *column_arrays(list(map(money_in, messages, outcomes))),
    ]
    cursor = connection.cursor(binary=True)
    cursor.execute(INSERT, columns, prepare=True)
    cluster_ids, topics, topic_ids, partitions, offsets, *_ = origin
    contents = [[encode_headers(each) for each in headers], bodies]
    cursor.execute(
        INSERT_CONTENTS,
        (cluster_ids, topics, topic_ids, partitions, offsets, *contents),
        prepare=True,
    )


def settle(
    connection: psycopg.Connection, message_id: int, outcome: MessageOutcome, by: Resolver
) -> None:
    """Store the outcome of retrying a parked or deferred message, and who retried it.

    The caller holds the log's lock.
    """
    changed = {
        "status": outcome.status.value,
        "flags": list(outcome.flags),
        "by": str(by),
        "id": message_id,
    }
    connection.execute(_SETTLE, {**outcome._asdict(), **changed})


def discard(connection: psycopg.Connection, message_id: int, why: str, by: Resolver) -> None:
    """Mark a message as discarded."""
    connection.execute(_DISCARD, (str(by), why, message_id))


def keep_contents(connection: psycopg.Connection, days: int) -> list[str]:
    """Create the partitions for the contents of messages, and drop those older than `days` days.

    Returns:
        The names of the dropped partitions.
    """
    ((dropped,),) = connection.execute("SELECT keep_inbound_contents(%s)", (days,)).fetchall()
    return list(dropped)


def encode_headers(headers: Headers) -> str:
    """Encode headers for storage, as a JSON array of pairs of name and base64 value."""
    if not headers:
        return "[]"
    return orjson.dumps(
        [
            [
                # A header's name may be any string, but jsonb cannot store NUL.
                name.replace("\x00", "\N{REPLACEMENT CHARACTER}"),
                None if value is None else base64.b64encode(value).decode(),
            ]
            for name, value in headers
        ]
    ).decode()


def decode_headers(stored: Iterable[tuple[str, str | None]]) -> Headers:
    """Decode stored headers to pairs of name and bytes."""
    return tuple(
        (name, None if value is None else base64.b64decode(value)) for name, value in stored
    )

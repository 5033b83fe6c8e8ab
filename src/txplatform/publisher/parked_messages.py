"""The feed of parked messages: each goes to its topic's dead letters, as it came.

Ids of the inbound ledger are given out under the log's lock (migration 0003), so reading on
from an id skips none that commits late.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from txplatform.publisher.dead_letters import dead_letter, original_headers
from txplatform.publisher.feed import Batch

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg

BATCH_MESSAGES = 100
"""They are as large as others make them."""

_READ = """
SELECT id, topic, partition, "offset", key, headers, body, reason, detail
FROM inbound_messages
WHERE first_status = 'parked' AND id > %s
ORDER BY id
LIMIT %s
"""

_END = "SELECT coalesce(max(id), 0) FROM inbound_messages WHERE first_status = 'parked'"


class ParkedMessages:
    """Messages that could never be applied."""

    name = "parked-messages"
    lock = 2
    topics: Sequence[str] = ()
    pause_s = 0.5

    def read(self, connection: psycopg.Connection, after: int) -> Batch | None:  # noqa: D102
        rows = connection.execute(_READ, (after, BATCH_MESSAGES), binary=True).fetchall()
        if not rows:
            return None
        return Batch(
            rows[-1][0],
            [
                dead_letter(
                    topic,
                    key,
                    body,
                    original_headers(headers),
                    dlq_reason=reason,
                    dlq_detail=detail,
                    dlq_partition=partition,
                    dlq_offset=offset,
                    inbound_id=inbound_id,
                )
                for inbound_id, topic, partition, offset, key, headers, body, reason, detail in rows
            ],
        )

    def end(self, connection: psycopg.Connection) -> int:  # noqa: D102
        row = connection.execute(_END).fetchone()
        return int(row[0]) if row else 0

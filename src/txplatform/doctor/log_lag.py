"""Check that the projector and the publisher keep up with the log.

The lag is the time for which the oldest unprocessed event has waited. A count of positions would
say little, since positions have gaps.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import LiteralString

import psycopg

from txplatform.doctor.finding import Finding, failed, ok, warning
from txplatform.projections import PROJECTIONS
from txplatform.projections.projection import Projection
from txplatform.publisher.feed import Feed
from txplatform.publisher.runner import FEEDS

SLOW_S = 10
STOPPED_S = 60

_PROJECTOR = """
SELECT p.projection, extract(epoch FROM clock_timestamp() - (
    SELECT recorded_at FROM events
    WHERE position > coalesce(c.position, 0) ORDER BY position LIMIT 1
))
FROM unnest(%s::text[]) AS p (projection)
LEFT JOIN checkpoints c ON c.name = 'projection:' || p.projection
ORDER BY p.projection
"""

_PUBLISHER = """
SELECT f.feed, extract(epoch FROM clock_timestamp() - CASE WHEN f.feed = 'parked-messages' THEN (
    SELECT received_at FROM inbound_messages
    WHERE first_status = 'parked' AND id > coalesce(c.position, 0) ORDER BY id LIMIT 1
) ELSE (
    SELECT recorded_at FROM events
    WHERE position > coalesce(c.position, 0) ORDER BY position LIMIT 1
) END)
FROM unnest(%s::text[]) AS f (feed) LEFT JOIN checkpoints c ON c.name = 'publisher:' || f.feed
ORDER BY f.feed
"""


def check_projector(connection: psycopg.Connection) -> list[Finding]:
    """Measure the lag of each read model."""
    return _findings(connection, "project", _PROJECTOR, PROJECTIONS)


def check_publisher(connection: psycopg.Connection) -> list[Finding]:
    """Measure the lag of each feed."""
    return _findings(connection, "publish", _PUBLISHER, FEEDS)


def _findings(
    connection: psycopg.Connection,
    command: str,
    query: LiteralString,
    followed: Iterable[Projection | type[Feed]],
) -> list[Finding]:
    names = [each.name for each in followed]
    return [
        _finding(f"{command}: {name}", command, None if waiting_s is None else float(waiting_s))
        for name, waiting_s in connection.execute(query, (names,)).fetchall()
    ]


def _finding(check: str, command: str, waiting_s: float | None) -> Finding:
    if waiting_s is None:
        return ok(check, "Every event has been processed.")
    detail = f"The oldest unprocessed event has waited for {waiting_s:.0f} s."
    if waiting_s > STOPPED_S:
        return failed(
            check,
            detail,
            f"Check that `txplatform {command}` is running; its /readyz and log name the cause.",
        )
    if waiting_s > SLOW_S:
        return warning(check, detail, f"Check again soon; see /readyz of `txplatform {command}`.")
    return ok(check, detail)

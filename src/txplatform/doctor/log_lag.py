"""Do projector and publisher keep up with the log?

A lag is measured by how long the oldest event has been waiting: positions have gaps, and a
number of them says little.
"""

from __future__ import annotations

from typing import LiteralString

import psycopg

from txplatform.doctor.finding import Finding, failed, ok, warning
from txplatform.publisher.runner import FEEDS

SLOW_S = 10
STOPPED_S = 60

_PROJECTOR = """
SELECT p.name, extract(epoch FROM clock_timestamp() - (
    SELECT recorded_at FROM events WHERE position > p.position ORDER BY position LIMIT 1
))
FROM projection_positions p ORDER BY p.name
"""

_PUBLISHER = """
SELECT f.feed, extract(epoch FROM clock_timestamp() - CASE WHEN f.feed = 'parked-messages' THEN (
    SELECT received_at FROM inbound_messages
    WHERE first_status = 'parked' AND id > coalesce(c.position, 0) ORDER BY id LIMIT 1
) ELSE (
    SELECT recorded_at FROM events
    WHERE position > coalesce(c.position, 0) ORDER BY position LIMIT 1
) END)
FROM unnest(%s::text[]) AS f (feed) LEFT JOIN publisher_checkpoints c USING (feed)
ORDER BY f.feed
"""


def check_projector(connection: psycopg.Connection) -> list[Finding]:
    """How long each read model's oldest event has been waiting."""
    return _findings(connection, "project", _PROJECTOR, ())


def check_publisher(connection: psycopg.Connection) -> list[Finding]:
    """How long each feed's oldest event has been waiting."""
    return _findings(connection, "publish", _PUBLISHER, ([feed.name for feed in FEEDS],))


def _findings(
    connection: psycopg.Connection,
    command: str,
    query: LiteralString,
    parameters: tuple[object, ...],
) -> list[Finding]:
    return [
        _finding(f"{command}: {name}", command, None if waiting_s is None else float(waiting_s))
        for name, waiting_s in connection.execute(query, parameters).fetchall()
    ]


def _finding(check: str, command: str, waiting_s: float | None) -> Finding:
    if waiting_s is None:
        return ok(check, "It is at the end of the log.")
    detail = f"The oldest event has waited for {waiting_s:.0f} s."
    if waiting_s > STOPPED_S:
        return failed(
            check,
            detail,
            f"See that `txplatform {command}` runs; its /readyz and log say what holds it up.",
        )
    if waiting_s > SLOW_S:
        return warning(check, detail, f"Look again soon; see `txplatform {command}`'s /readyz.")
    return ok(check, detail)

"""Check that holds end when they expire."""

from __future__ import annotations

import psycopg

from txplatform.doctor.finding import Finding, failed, ok, warning

SLOW_S = 10
STOPPED_S = 60

_OLDEST = """
SELECT extract(epoch FROM now() - expires_at) FROM open_holds
WHERE expires_at <= now() ORDER BY expires_at LIMIT 1
"""


def check_overdue_holds(connection: psycopg.Connection) -> list[Finding]:
    """Measure how long ago the oldest open hold should have expired."""
    row = connection.execute(_OLDEST).fetchone()
    return [overdue_finding(None if row is None else float(row[0]))]


def overdue_finding(overdue_s: float | None) -> Finding:
    """Judge the delay in seconds; None means that no hold is overdue."""
    if overdue_s is None:
        return ok("overdue holds", "No hold is overdue.")
    detail = f"The oldest open hold should have expired {overdue_s:.0f} s ago."
    if overdue_s > STOPPED_S:
        return failed(
            "overdue holds",
            detail,
            "Check that `txplatform project` is running; its /readyz and log name the cause.",
        )
    if overdue_s > SLOW_S:
        return warning(
            "overdue holds", detail, "Check again soon; see the log of `txplatform project`."
        )
    return ok("overdue holds", detail)

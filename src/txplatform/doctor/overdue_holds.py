"""Are holds ended when their time has come?"""

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
    """For how long the oldest hold that is due has been so."""
    row = connection.execute(_OLDEST).fetchone()
    return [overdue_finding(None if row is None else float(row[0]))]


def overdue_finding(overdue_s: float | None) -> Finding:
    """What that means; None where no hold is due."""
    if overdue_s is None:
        return ok("overdue holds", "There are none.")
    detail = f"The oldest hold should have ended {overdue_s:.0f} s ago."
    if overdue_s > STOPPED_S:
        return failed(
            "overdue holds",
            detail,
            "See that `txplatform project` runs; its /readyz and log say what holds it up.",
        )
    if overdue_s > SLOW_S:
        return warning("overdue holds", detail, "Look again soon; see `txplatform project`'s log.")
    return ok("overdue holds", detail)

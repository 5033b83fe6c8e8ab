"""Compare this machine's clock with the database's."""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg

from txplatform.doctor.finding import Finding, ok, warning

TOLERATED_S = 1.0


def check_clock(connection: psycopg.Connection) -> list[Finding]:
    """Measure the difference; half of the round trip counts as the way there."""
    before = datetime.now(UTC)
    row = connection.execute("SELECT clock_timestamp()").fetchone()
    after = datetime.now(UTC)
    assert row is not None
    return [clock_finding((row[0] - (before + (after - before) / 2)).total_seconds())]


def clock_finding(ahead_s: float) -> Finding:
    """Return the finding for a database clock that is ahead by `ahead_s`, or behind if negative."""
    if abs(ahead_s) > TOLERATED_S:
        return warning(
            "clock",
            f"The database's clock is {abs(ahead_s):.1f} s {'ahead' if ahead_s > 0 else 'behind'}: "
            "`decided_at` and `recorded_at` cannot be compared.",
            "Synchronise the clocks of both machines (NTP).",
        )
    return ok("clock", f"This machine's clock is within {TOLERATED_S:.0f} s of the database's.")

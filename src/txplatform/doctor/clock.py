"""Does this machine's clock agree with the database's?"""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg

from txplatform.doctor.finding import Finding, ok, warning

TOLERATED_S = 1.0


def check_clock(connection: psycopg.Connection) -> list[Finding]:
    """How far the two clocks are apart; the way to the database and back counts half."""
    before = datetime.now(UTC)
    row = connection.execute("SELECT clock_timestamp()").fetchone()
    after = datetime.now(UTC)
    assert row is not None
    return [clock_finding((row[0] - (before + (after - before) / 2)).total_seconds())]


def clock_finding(ahead_s: float) -> Finding:
    """What it means that the database's clock is ahead by so much."""
    if abs(ahead_s) > TOLERATED_S:
        return warning(
            "clock",
            f"The database's clock is {abs(ahead_s):.1f} s {'ahead' if ahead_s > 0 else 'behind'}: "
            "`decided_at` and `recorded_at` do not fit together.",
            "Synchronise the clocks of both machines (NTP).",
        )
    return ok("clock", f"It is within {TOLERATED_S:.0f} s of the database's.")

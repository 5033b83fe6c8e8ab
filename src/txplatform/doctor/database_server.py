"""Is the database a PostgreSQL that this version works with, and does it take writes?"""

from __future__ import annotations

import psycopg

from txplatform.doctor.finding import Finding, failed, ok

OLDEST_MAJOR = 16


def check_server(connection: psycopg.Connection) -> list[Finding]:
    """The server's version, and whether it is a standby or has been made read-only."""
    version = connection.info.server_version
    named = f"PostgreSQL {version // 10_000}.{version % 10_000}"
    if version // 10_000 < OLDEST_MAJOR:
        return [
            failed(
                "database",
                f"The server is {named}.",
                f"Use PostgreSQL {OLDEST_MAJOR} or newer.",
            )
        ]
    row = connection.execute("SHOW transaction_read_only").fetchone()
    if row == ("on",):
        return [
            failed(
                "database",
                "It takes no writes: a standby, or default_transaction_read_only is on.",
                "Have TXPLATFORM_DATABASE_URL lead to the primary, or find out who has switched "
                "that on (providers do where the disk is full), and reset it.",
            )
        ]
    return [ok("database", f"{named} answers as {connection.info.user}.")]

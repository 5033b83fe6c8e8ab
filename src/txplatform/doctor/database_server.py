"""Check that the database server is supported and accepts writes."""

from __future__ import annotations

import psycopg

from txplatform.doctor.finding import Finding, failed, ok

OLDEST_MAJOR = 16


def check_server(connection: psycopg.Connection) -> list[Finding]:
    """Fail if the server is too old, a standby, or read-only."""
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
                "It takes no writes: it is a standby, or default_transaction_read_only is on.",
                "Point TXPLATFORM_DATABASE_URL to the primary. If the setting is on, find out why "
                "(providers set it when the disk is full) and reset it.",
            )
        ]
    return [ok("database", f"{named} accepts connections as {connection.info.user}.")]

"""Is the database a PostgreSQL that this version works with?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from txplatform.doctor.finding import Finding, failed, ok

if TYPE_CHECKING:
    import psycopg

OLDEST_MAJOR = 16


def check_server(connection: psycopg.Connection) -> list[Finding]:
    """The server's version."""
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
    return [ok("database", f"{named} answers as {connection.info.user}.")]

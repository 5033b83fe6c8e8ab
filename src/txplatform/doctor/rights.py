"""May the service's role do what it needs, and nothing that would alter the log?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from txplatform.doctor.finding import Finding, failed, ok

if TYPE_CHECKING:
    import psycopg

_NEEDED = ("SELECT", "INSERT")
_FORBIDDEN = ("UPDATE", "DELETE", "TRUNCATE")


def check_rights(connection: psycopg.Connection) -> list[Finding]:
    """What the role may do with the table of events."""
    role = connection.info.user
    row = connection.execute("SELECT to_regclass('events') IS NOT NULL").fetchone()
    if row is None or not row[0]:
        return [failed("rights", "There is no table of events.", "Run `txplatform migrate`.")]
    if missing := [right for right in _NEEDED if not _may(connection, right)]:
        return [
            failed(
                "rights",
                f"{role} may not {' or '.join(missing)} events.",
                "Run `txplatform migrate` with this TXPLATFORM_DATABASE_URL: it grants the role.",
            )
        ]
    if excess := [right for right in _FORBIDDEN if _may(connection, right)]:
        return [
            failed(
                "rights",
                f"{role} may {', '.join(excess)} events: it could alter the log.",
                "Give the service a role of its own in TXPLATFORM_DATABASE_URL, the owner's in "
                "TXPLATFORM_MIGRATION_DATABASE_URL, and run `txplatform migrate`.",
            )
        ]
    return [ok("rights", f"{role} can append to the log and not change it.")]


def _may(connection: psycopg.Connection, right: str) -> bool:
    row = connection.execute("SELECT has_table_privilege('events', %s)", (right,)).fetchone()
    return row is not None and bool(row[0])

"""May the service's role do what it needs, and nothing that would alter the log?"""

from __future__ import annotations

import psycopg

from txplatform.doctor.finding import Finding, failed, ok

_NEEDED = ("SELECT", "INSERT")
_FORBIDDEN = ("UPDATE", "DELETE", "TRUNCATE")
_TABLES = ("events", "ruleset_events")
"""What is appended to and never changed: the log and the rule book."""


def check_rights(connection: psycopg.Connection) -> list[Finding]:
    """What the role may do with the log and with the rule book."""
    role = connection.info.user
    for table in _TABLES:
        row = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (table,)).fetchone()
        if row is None or not row[0]:
            return [failed("rights", f"There is no table {table}.", "Run `txplatform migrate`.")]
        if missing := [right for right in _NEEDED if not _may(connection, table, right)]:
            return [
                failed(
                    "rights",
                    f"{role} may not {' or '.join(missing)} {table}.",
                    "Run `txplatform migrate` with this TXPLATFORM_DATABASE_URL: it grants the "
                    "role.",
                )
            ]
        if excess := [right for right in _FORBIDDEN if _may(connection, table, right)]:
            return [
                failed(
                    "rights",
                    f"{role} may {', '.join(excess)} {table}: it could alter the log.",
                    "Give the service a role of its own in TXPLATFORM_DATABASE_URL, the owner's "
                    "in TXPLATFORM_MIGRATION_DATABASE_URL, and run `txplatform migrate`.",
                )
            ]
    return [ok("rights", f"{role} can append to the log and the rule book and not change them.")]


def _may(connection: psycopg.Connection, table: str, right: str) -> bool:
    row = connection.execute("SELECT has_table_privilege(%s, %s)", (table, right)).fetchone()
    return row is not None and bool(row[0])

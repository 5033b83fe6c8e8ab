"""Check that the service's role can append to the log and cannot change it."""

from __future__ import annotations

import psycopg

from txplatform.doctor.finding import Finding, failed, ok

_NEEDED = ("SELECT", "INSERT")
_FORBIDDEN = ("UPDATE", "DELETE", "TRUNCATE")
_TABLES = ("events", "ruleset_events")
"""The append-only tables: the log and the rule book."""


def check_rights(connection: psycopg.Connection) -> list[Finding]:
    """Fail if the role lacks a privilege on these tables, or has one that could alter them."""
    role = connection.info.user
    for table in _TABLES:
        row = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (table,)).fetchone()
        if row is None or not row[0]:
            return [failed("rights", f"The table {table} is missing.", "Run `txplatform migrate`.")]
        if missing := [right for right in _NEEDED if not _may(connection, table, right)]:
            return [
                failed(
                    "rights",
                    f"{role} may not {' or '.join(missing)} {table}.",
                    "Run `txplatform migrate` with this TXPLATFORM_DATABASE_URL: it grants "
                    "the privileges to the role.",
                )
            ]
        if excess := [right for right in _FORBIDDEN if _may(connection, table, right)]:
            return [
                failed(
                    "rights",
                    f"{role} may {', '.join(excess)} {table}: it could alter the log.",
                    "Use a role of its own for the service in TXPLATFORM_DATABASE_URL and the "
                    "tables' owner in TXPLATFORM_MIGRATION_DATABASE_URL, then run "
                    "`txplatform migrate`.",
                )
            ]
    return [ok("rights", f"{role} can append to the log and the rule book but not change them.")]


def _may(connection: psycopg.Connection, table: str, right: str) -> bool:
    row = connection.execute("SELECT has_table_privilege(%s, %s)", (table, right)).fetchone()
    return row is not None and bool(row[0])

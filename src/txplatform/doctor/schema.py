"""Check that the database schema fits this version."""

from __future__ import annotations

import psycopg

from txplatform.doctor.finding import Finding, failed, ok
from txplatform.eventstore.migrations import MigrationError, pending_migrations


def check_migrations(connection: psycopg.Connection) -> list[Finding]:
    """Fail if a migration is pending, was changed, or belongs to a newer version."""
    try:
        pending = pending_migrations(connection)
    except MigrationError as error:
        return [failed("migrations", f"{error.what} {error.why}".strip(), error.next_step)]
    if pending:
        names = ", ".join(migration.name for migration in pending)
        return [failed("migrations", f"Pending: {names}.", "Run `txplatform migrate`.")]
    return [ok("migrations", "The schema is this version's.")]

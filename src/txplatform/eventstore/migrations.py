"""Migrates the database schema to this version, using numbered SQL files with checksums.

A session advisory lock lets one process migrate at a time. Each migration is one transaction. If an
applied migration was changed later or this version does not know it, no migration is applied.
"""

import hashlib
from dataclasses import dataclass
from importlib import resources

import psycopg
from psycopg import sql

from txplatform.advisory_locks import MIGRATIONS
from txplatform.errors import TxPlatformError

_CREATE_HISTORY = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    name       text PRIMARY KEY,
    sha256     text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""


_OTHER_SCHEMA = (
    "Run the version that created the schema, or a newer one. A schema from before release 0.1"
    " cannot be upgraded: use an empty database, or `txplatform demo --fresh` for the demo."
)


class MigrationError(TxPlatformError):
    """The database's schema does not match this version's migrations."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered SQL file that changes the schema."""

    name: str
    statements: str

    @property
    def sha256(self) -> str:
        """The SHA-256 of the file, hexadecimal."""
        return hashlib.sha256(self.statements.encode()).hexdigest()


def shipped_migrations() -> list[Migration]:
    """Return this version's migrations, in order."""
    folder = resources.files("txplatform.migrations")
    return [
        Migration(entry.name.removesuffix(".sql"), entry.read_text(encoding="utf-8"))
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".sql")
    ]


def pending_migrations(connection: psycopg.Connection) -> list[Migration]:
    """Return the migrations that have not been applied yet, in order.

    Raises:
        MigrationError: An applied migration was changed later, or this version does not know it.
    """
    row = connection.execute("SELECT to_regclass('schema_migrations') IS NOT NULL").fetchone()
    if row is None or not row[0]:
        return shipped_migrations()
    applied: dict[str, str] = dict(
        connection.execute("SELECT name, sha256 FROM schema_migrations ORDER BY name").fetchall()
    )
    shipped = {migration.name: migration for migration in shipped_migrations()}
    if unknown := sorted(applied.keys() - shipped.keys()):
        raise MigrationError(
            f"The database has migrations that this version does not know: {', '.join(unknown)}.",
            why="Another version created its schema.",
            next_step=_OTHER_SCHEMA,
        )
    if changed := [name for name, sha256 in applied.items() if shipped[name].sha256 != sha256]:
        raise MigrationError(
            f"Migrations were changed after they were applied: {', '.join(changed)}.",
            why="The recorded checksums differ: another version created the database's schema.",
            next_step=_OTHER_SCHEMA,
        )
    return [migration for name, migration in shipped.items() if name not in applied]


def migrate(owner_url: str, service_url: str | None = None) -> list[str]:
    """Apply the pending migrations and grant the service's role access to the tables.

    Args:
        owner_url: libpq URL of the role that owns the tables.
        service_url: libpq URL of the service's role, which becomes a member of
            `txplatform_service`, unless this role owns the tables.

    Returns:
        The names of the applied migrations, in order.

    Raises:
        MigrationError: An applied migration was changed later, or this version does not know it.
        psycopg.OperationalError: The database cannot be reached.
    """
    with psycopg.connect(owner_url, autocommit=True, client_encoding="UTF8") as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (MIGRATIONS,))
        applied = []
        for migration in pending_migrations(connection):
            with connection.transaction():
                connection.execute(_CREATE_HISTORY)
                connection.execute(migration.statements.encode())
                connection.execute(
                    "INSERT INTO schema_migrations (name, sha256) VALUES (%s, %s)",
                    (migration.name, migration.sha256),
                )
            applied.append(migration.name)
        connection.execute("GRANT SELECT ON schema_migrations TO txplatform_service")
        if service_url is not None:
            _grant_service(connection, service_url)
        return applied


def _grant_service(connection: psycopg.Connection, service_url: str) -> None:
    with psycopg.connect(service_url) as service:
        role = service.info.user
    if role != connection.info.user:
        connection.execute(sql.SQL("GRANT txplatform_service TO {}").format(sql.Identifier(role)))

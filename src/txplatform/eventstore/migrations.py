"""Brings the schema to this version's: numbered SQL files, forward only, checksummed.

One migration runs at a time (session advisory lock), each in a transaction of its own.
A file that was applied and has changed since, or one that the database knows and this
version does not, is refused before anything is touched.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources

import psycopg
from psycopg import sql

from txplatform.errors import TxPlatformError

_LOCK = 0x7478_706D
"""Advisory lock of whoever migrates ("txpm")."""

_CREATE_HISTORY = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    name       text PRIMARY KEY,
    sha256     text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""


class MigrationError(TxPlatformError):
    """The database's schema and this version's migrations do not fit together."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered step of the schema."""

    name: str
    statements: str

    @property
    def sha256(self) -> str:
        """Of the file's bytes, hexadecimal."""
        return hashlib.sha256(self.statements.encode()).hexdigest()


def shipped_migrations() -> list[Migration]:
    """This version's migrations, in order."""
    folder = resources.files("txplatform.migrations")
    return [
        Migration(entry.name.removesuffix(".sql"), entry.read_text(encoding="utf-8"))
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".sql")
    ]


def pending_migrations(connection: psycopg.Connection) -> list[Migration]:
    """What has not been applied yet, in order.

    Raises:
        MigrationError: An applied migration was changed, or is unknown to this version.
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
            why="It was migrated by a newer version.",
            next_step="Run that version, or a newer one.",
        )
    if changed := [name for name, sha256 in applied.items() if shipped[name].sha256 != sha256]:
        raise MigrationError(
            f"Migrations were changed after they were applied: {', '.join(changed)}.",
            why="Their checksums differ from those the database recorded.",
            next_step="Restore the released files; add a new migration for a new change.",
        )
    return [migration for name, migration in shipped.items() if name not in applied]


def migrate(owner_url: str, service_url: str | None = None) -> list[str]:
    """Apply what is missing and let the service's role use it.

    Args:
        owner_url: libpq URL of the role that owns the tables.
        service_url: libpq URL of the service; its role is granted `txplatform_service`
            where it is another than the owner.

    Returns:
        The names of the migrations that were applied, in order.

    Raises:
        MigrationError: An applied migration was changed, or is unknown to this version.
        psycopg.OperationalError: The database cannot be reached.
    """
    with psycopg.connect(owner_url, autocommit=True, client_encoding="UTF8") as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
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

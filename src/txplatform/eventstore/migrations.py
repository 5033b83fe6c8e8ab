"""Migrates the database schema to this version, using numbered SQL files with checksums.

A session advisory lock lets one process migrate at a time. Each migration is one transaction. If an
applied migration was changed later or this version does not work with it, none is applied. Then
`grants.sql` gives the service's role its rights, every time.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import resources

import psycopg
from psycopg import errors, sql

from txplatform.advisory_locks import MIGRATIONS
from txplatform.database import complete_url, in_words, open_session
from txplatform.errors import TxPlatformError

_HISTORY = "schema_migrations"
"""The applied migrations. A process that does not know all of them does not work."""

_COMPATIBLE_HISTORY = "compatible_migrations"
"""The applied migrations that processes of the version before need not know."""

_CREATE_HISTORIES = "".join(
    f"""
CREATE TABLE IF NOT EXISTS {table} (
    name       text PRIMARY KEY,
    sha256     text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
"""
    for table in (_HISTORY, _COMPATIBLE_HISTORY)
)

_END_COMPATIBILITY = f"""
WITH ended AS (DELETE FROM {_COMPATIBLE_HISTORY} WHERE name < %s RETURNING *)
INSERT INTO {_HISTORY} SELECT * FROM ended
"""

_REPLACED = {
    "0001_event_log": "aec83fc3ed6a4241d58acf8410cd8c424f23c3418481881a9dbe880874e88ed1",
}
"""The SHA-256 of migrations as earlier versions applied them, by name.

The first one also created the service's role, which an owner without CREATEROLE may not do.
"""

FIRST_OF_THIS_VERSION = "0012"
"""The first migration that the version before does not have. Change it after each release.

Processes of still older versions are not compatible with it: they have to end their readiness.
"""

_COMPATIBLE = "-- The version before works on."
"""The first line of a migration after which processes of the version before still work rightly.

Others end their readiness when the migration has been applied.
"""


_OTHER_SCHEMA = (
    "Run the version that created the schema, or a newer one. A schema from before release 0.1"
    " cannot be upgraded: use an empty database, or `txplatform demo --fresh` for the demo."
)


_SERVICE_ROLE = "txplatform_service"
"""The role that has the rights of the service. The role that connects is a member."""


class MigrationError(TxPlatformError):
    """The database's schema does not match this version's migrations."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered SQL file that changes the schema."""

    name: str
    statements: str

    @property
    def compatible(self) -> bool:
        """True if processes of the version before go on while the schema is newer."""
        return self.statements.startswith(_COMPATIBLE)

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
        if entry.name[0].isdigit()
    ]


def pending_migrations(connection: psycopg.Connection) -> list[Migration]:
    """Return the migrations that have not been applied yet, in order.

    Raises:
        MigrationError: An applied migration was changed later, or a newer version applied one that
            this version does not work with.
    """
    applied = _recorded(connection, _HISTORY)
    shipped = {migration.name: migration for migration in shipped_migrations()}
    if unknown := sorted(applied.keys() - shipped.keys()):
        raise MigrationError(
            f"The database has migrations that this version does not know: {', '.join(unknown)}.",
            why="Another version created its schema.",
            next_step=_OTHER_SCHEMA,
        )
    applied |= _recorded(connection, _COMPATIBLE_HISTORY)
    if changed := [
        name
        for name in sorted(applied.keys() & shipped.keys())
        if applied[name] not in (shipped[name].sha256, _REPLACED.get(name))
    ]:
        raise MigrationError(
            f"Migrations were changed after they were applied: {', '.join(changed)}.",
            why="The recorded checksums differ: another version created the database's schema.",
            next_step=_OTHER_SCHEMA,
        )
    return [migration for name, migration in shipped.items() if name not in applied]


def _recorded(connection: psycopg.Connection, history: str) -> dict[str, str]:
    """Return the SHA-256 of each migration in a table, by name."""
    row = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (history,)).fetchone()
    if row is None or not row[0]:
        return {}
    query = sql.SQL("SELECT name, sha256 FROM {}").format(sql.Identifier(history))
    return dict(connection.execute(query).fetchall())


def migrate(owner_url: str, service_url: str | None = None) -> list[str]:
    """Apply the pending migrations and grant the service's role access to the tables.

    Args:
        owner_url: libpq URL of the role that owns the tables.
        service_url: libpq URL of the service's role, which becomes a member of
            `txplatform_service`, unless this role owns the tables.

    Returns:
        The names of the applied migrations, in order.

    Raises:
        MigrationError: An applied migration was changed later, this version does not work with it,
            or the owner lacks a right that only a database administrator can give.
        psycopg.OperationalError: See `open_session`.
    """
    with open_session(owner_url) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (MIGRATIONS,))
        _ensure_service_role(connection)
        applied = []
        pending = pending_migrations(connection)
        connection.execute(_CREATE_HISTORIES.encode())
        for migration in pending:
            history = sql.Identifier(_COMPATIBLE_HISTORY if migration.compatible else _HISTORY)
            with connection.transaction(), _other_owner(migration.name):
                connection.execute(migration.statements.encode())
                connection.execute(
                    sql.SQL("INSERT INTO {} (name, sha256) VALUES (%s, %s)").format(history),
                    (migration.name, migration.sha256),
                )
            applied.append(migration.name)
        connection.execute(_END_COMPATIBILITY.encode(), (FIRST_OF_THIS_VERSION,))
        _ensure_usage(connection)
        grants = resources.files("txplatform.migrations") / "grants.sql"
        with connection.transaction():
            connection.execute(grants.read_text(encoding="utf-8").encode())
        if service_url is not None:
            _ensure_member(connection, service_url)
        return applied


@contextmanager
def _other_owner(migration: str) -> Iterator[None]:
    """Explain that the schema has objects of somebody else.

    Raises:
        MigrationError: An object that the migration creates exists already.
    """
    try:
        yield
    except (errors.DuplicateTable, errors.DuplicateFunction, errors.DuplicateObject) as error:
        raise MigrationError(
            f"The migration {migration} cannot be applied: {in_words(error)}.",
            why="Another application or an incomplete restore has created it in this schema.",
            next_step="Use a database, or a schema, without other tables. A restore has to have all"
            " tables.",
        ) from error


def _ensure_service_role(connection: psycopg.Connection) -> None:
    """Create the role with the rights of the service, unless another database has created it."""
    found = "SELECT FROM pg_roles WHERE rolname = %s"
    if connection.execute(found, (_SERVICE_ROLE,)).fetchone() is not None:
        return
    with suppress(errors.DuplicateObject, errors.UniqueViolation):
        _as_administrator(connection, f"CREATE ROLE {_SERVICE_ROLE} NOLOGIN")


def _ensure_usage(connection: psycopg.Connection) -> None:
    """Let the service find the tables: an administrator may have closed the schema."""
    row = connection.execute(
        "SELECT current_schema(), has_schema_privilege(%s, current_schema(), 'USAGE')",
        (_SERVICE_ROLE,),
    ).fetchone()
    if row is not None and not row[1]:
        statement = sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(
            sql.Identifier(row[0]), sql.Identifier(_SERVICE_ROLE)
        )
        _as_administrator(connection, statement.as_string(connection))


def _ensure_member(connection: psycopg.Connection, service_url: str) -> None:
    with psycopg.connect(complete_url(service_url)) as service:
        role = service.info.user
    if role == connection.info.user:
        return
    row = connection.execute(
        "SELECT pg_has_role(%s, %s, 'MEMBER')", (role, _SERVICE_ROLE)
    ).fetchone()
    if row is None or not row[0]:
        statement = sql.SQL("GRANT {} TO {}").format(
            sql.Identifier(_SERVICE_ROLE), sql.Identifier(role)
        )
        _as_administrator(connection, statement.as_string(connection))


def _as_administrator(connection: psycopg.Connection, statement: str) -> None:
    """Execute a statement that the owner of the tables may not be allowed to execute.

    Raises:
        MigrationError: The role of the connection may not execute it.
    """
    try:
        connection.execute(statement.encode())
    except errors.InsufficientPrivilege as error:
        raise MigrationError(
            f"The role {connection.info.user} may not execute `{statement}`.",
            why="It lacks the right to create roles (CREATEROLE), or to grant this.",
            next_step="Let a database administrator execute the statement once, then run "
            "`txplatform migrate` again.",
        ) from error

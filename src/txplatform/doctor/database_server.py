"""Check the database: its server, schema, privileges, durability, clock and API keys."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, LiteralString

import psycopg

from txplatform.database_clock import simulated_clock_text, simulated_time
from txplatform.doctor.finding import Finding, failed, ok, warning
from txplatform.eventstore.migrations import MigrationError, pending_migrations

OLDEST_MAJOR = 16
TOLERATED_S = 1.0
"""The largest difference between the clocks that causes no warning."""

_NEEDED = {"events": ("SELECT",), "ruleset_events": ("SELECT", "INSERT")}
"""The privileges of the service's role on append-only tables, perhaps for some columns only."""

_HISTORY = ("events", "snapshots", "ruleset_events", "api_keys", "checkpoints", "inbound_messages")
"""The tables that the service's role may only read, or write in single columns."""

_CHANGES = ("INSERT", "UPDATE", "DELETE", "TRUNCATE")
_WRITTEN_BY_FUNCTIONS = ("events", "snapshots")
"""The tables of which the service's role may change no column."""

_TIME_LIMITS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
_ENOUGH_WAL_MB = 1024
_LOCAL_ONLY = ("off", "local")

_MAY_APPEND = """
SELECT bool_or(has_function_privilege(%s, oid, 'EXECUTE')) FROM pg_proc
WHERE proname = 'append_events'
"""

_VALID_KEYS = """
SELECT count(*) FROM api_keys
WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
"""


def check_server(connection: psycopg.Connection) -> Iterator[Finding]:
    """Fail if the server is too old, a standby, or read-only."""
    version = connection.info.server_version
    named = f"PostgreSQL {version // 10_000}.{version % 10_000}"
    if version // 10_000 < OLDEST_MAJOR:
        yield failed(
            "database", f"The server is {named}.", f"Use PostgreSQL {OLDEST_MAJOR} or newer."
        )
    elif _setting(connection, "transaction_read_only") == "on":
        yield failed(
            "database",
            "The server takes no writes: it is a standby, or default_transaction_read_only is on.",
            "Point TXPLATFORM_DATABASE_URL to the primary. If the setting is on, find out why "
            "(providers set it when the disk is full) and reset it.",
        )
    else:
        yield ok("database", f"{named} accepts connections as {connection.info.user}.")


def check_migrations(connection: psycopg.Connection) -> Iterator[Finding]:
    """Fail if a migration is pending, was changed, or belongs to a newer version."""
    try:
        pending = pending_migrations(connection)
    except MigrationError as error:
        yield failed("migrations", f"{error.what} {error.why}".strip(), error.next_step)
        return
    if pending:
        names = ", ".join(migration.name for migration in pending)
        yield failed("migrations", f"Pending: {names}.", "Run `txplatform migrate`.")
    else:
        yield ok("migrations", "The schema matches this version.")


def check_rights(connection: psycopg.Connection) -> Iterator[Finding]:
    """Fail if the role cannot append to the log or the rule book, or could alter history."""
    role = connection.info.user

    for table in _HISTORY:
        if _value(connection, "SELECT to_regclass(%s)", table) is None:
            yield failed("rights", f"The table {table} is missing.", "Run `txplatform migrate`.")
            return
    for table, needed in _NEEDED.items():
        may_some = "SELECT has_any_column_privilege(%s, %s)"
        missing = [
            f"{right} {table}" for right in needed if not _value(connection, may_some, table, right)
        ]
        if table == "events" and not _value(connection, _MAY_APPEND, role):
            missing.append("EXECUTE append_events")
        if missing:
            yield failed(
                "rights",
                f"{role} may not {' or '.join(missing)}.",
                "Run `txplatform migrate` with this TXPLATFORM_DATABASE_URL: it grants "
                "the privileges to the role.",
            )
            return
    for table in _HISTORY:
        if excess := [right for right in _CHANGES if _may(connection, table, right)]:
            yield failed(
                "rights",
                f"{role} may {', '.join(excess)} {table}: it could alter history.",
                "Use a separate role for the service in TXPLATFORM_DATABASE_URL and the "
                "tables' owner in TXPLATFORM_MIGRATION_DATABASE_URL, then run "
                "`txplatform migrate`.",
            )
            return
    yield ok("rights", f"{role} can append to the log and the rule book but not change them.")


def _may(connection: psycopg.Connection, table: str, right: str) -> bool:
    """Return whether the role may change the table, or one column if it should change none."""
    of_columns = table in _WRITTEN_BY_FUNCTIONS and right in ("INSERT", "UPDATE")
    statement: LiteralString = (
        "SELECT has_any_column_privilege(%s, %s)"
        if of_columns
        else "SELECT has_table_privilege(%s, %s)"
    )
    return bool(_value(connection, statement, table, right))


def check_durability(connection: psycopg.Connection) -> Iterator[Finding]:
    """Fail if a server setting makes commits less than durable."""
    off = [name for name in ("fsync", "full_page_writes") if _setting(connection, name) != "on"]
    # The value in this session: the service sets it for each of its connections.
    if _setting(connection, "synchronous_commit") in _LOCAL_ONLY:
        off.append("synchronous_commit")
    if off:
        yield failed(
            "durability",
            f"Off: {', '.join(off)}. A power failure can lose decisions that were sent.",
            f"Set {' and '.join(f'{name} = on' for name in off)} in postgresql.conf.",
        )
    else:
        yield ok("durability", "Commits are on disk before the response is sent.")


def check_time_limits(connection: psycopg.Connection) -> Iterator[Finding]:
    """Fail if a session of the service has no time limit: a frozen process may hold up all others.

    The service sets them for each of its connections, unless the URL has them in its options.
    """
    limits = {name: _setting(connection, name) for name in _TIME_LIMITS}
    if off := [name for name, value in limits.items() if value == "0"]:
        yield failed(
            "time limits",
            f"Off: {', '.join(off)}. A frozen process could hold up every decision.",
            "Remove the setting from the options of TXPLATFORM_DATABASE_URL or from PGOPTIONS. If "
            "neither has it, a pooler resets it: use one in session mode, or connect directly.",
        )
    else:
        yield ok("time limits", f"{', '.join(f'{n} {value}' for n, value in limits.items())}.")


def check_wal_files(connection: psycopg.Connection) -> Iterator[Finding]:
    """Warn if PostgreSQL often fills new WAL files, which delays commits."""
    kept_mb = _value(connection, "SELECT setting::int FROM pg_settings WHERE name = 'min_wal_size'")
    if kept_mb < _ENOUGH_WAL_MB and _setting(connection, "wal_init_zero") == "on":
        yield warning(
            "WAL files",
            f"min_wal_size is {kept_mb} MB and wal_init_zero is on: PostgreSQL often fills a new "
            "WAL file, and commits wait for tens of milliseconds meanwhile.",
            "Set min_wal_size = 1GB or more, and wal_init_zero = off (docs/operations.md).",
        )
    else:
        yield ok("WAL files", f"PostgreSQL keeps {kept_mb} MB of WAL files for reuse.")


def check_standby(connection: psycopg.Connection) -> Iterator[Finding]:
    """Warn if commits do not wait for a second server."""
    if names := _setting(connection, "synchronous_standby_names"):
        yield ok("standby", f"Commits wait for {names}.")
    else:
        yield warning(
            "standby",
            "There is no synchronous standby: a failover can lose the newest decisions.",
            "If you use failover, run a standby and list it in synchronous_standby_names.",
        )


def check_clock(connection: psycopg.Connection) -> Iterator[Finding]:
    """Compare the database's clock with this machine's clock at the midpoint of the query."""
    before = datetime.now(UTC)
    theirs = _value(connection, "SELECT clock_timestamp()")
    after = datetime.now(UTC)
    yield clock_finding((theirs - (before + (after - before) / 2)).total_seconds())
    if (simulated := simulated_time(connection)) is not None:
        yield ok("simulated clock", simulated_clock_text(simulated))


def clock_finding(ahead_s: float) -> Finding:
    """Return the finding; `ahead_s` is the database's clock minus this machine's clock."""
    if abs(ahead_s) <= TOLERATED_S:
        return ok("clock", f"The clocks agree to within {TOLERATED_S:.0f} s.")
    return warning(
        "clock",
        f"The database's clock is {abs(ahead_s):.1f} s {'ahead' if ahead_s > 0 else 'behind'}: "
        "the times of log lines and of decisions cannot be compared.",
        "Synchronise the clocks of both machines (NTP).",
    )


def check_api_keys(connection: psycopg.Connection) -> Iterator[Finding]:
    """Warn if no API key is valid."""
    if valid := _value(connection, _VALID_KEYS):
        yield ok("api keys", f"{valid} valid.")
    else:
        yield warning(
            "api keys",
            "There is no valid API key: the API refuses every request.",
            "Run `txplatform keys create --name NAME --scope transactions:write`.",
        )


def _setting(connection: psycopg.Connection, name: str) -> str:
    return str(_value(connection, "SELECT current_setting(%s)", name))


def _value(connection: psycopg.Connection, query: LiteralString, *parameters: str) -> Any:
    ((value,),) = connection.execute(query, parameters).fetchall()
    return value

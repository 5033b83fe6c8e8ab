"""Connect to PostgreSQL; only this module sets timeouts, keepalives and planner settings."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from socket import socket

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from txplatform.binary_arrays import register_binary_arrays
from txplatform.pooling import OWN_PID, check_pooler

PASSING_FAULTS = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    errors.IdleInTransactionSessionTimeout,
    errors.TransactionTimeout,
    errors.ReadOnlySqlTransaction,
    OSError,
)
"""Errors that go away without an operator, though some only in a new session.

A standby refuses writes until it is promoted. A session that began while the database was read-only
refuses writes until the session ends. So the caller has to reconnect. An OSError is a limit of this
process or machine, such as the number of open files.
"""


REFUSED = (
    psycopg.DataError,
    psycopg.IntegrityError,
    errors.ProgramLimitExceeded,
    UnicodeError,
)
"""Errors that the values of one row provoke: without the row, the same statement succeeds."""

SCHEMA_FAULTS = (
    errors.UndefinedTable,
    errors.UndefinedColumn,
    errors.UndefinedFunction,
    errors.InvalidSchemaName,
    errors.InsufficientPrivilege,
)
"""Errors of a database without the schema of this version; `txplatform migrate` ends them."""

_WHOLE_TABLE_PLANS = (
    "enable_seqscan",
    "enable_bitmapscan",
    "enable_hashjoin",
    "enable_mergejoin",
    "enable_material",
)
"""Planner settings that allow plans to read a whole table or index. Sorts stay allowed."""

_DEFAULTS: dict[str, str | int] = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
    "application_name": "txplatform",
}
"""Connection parameters for those that neither the URL nor libpq's environment has."""

_VARIABLES = {"connect_timeout": "PGCONNECT_TIMEOUT", "application_name": "PGAPPNAME"}
"""libpq's environment variables for some of them."""

_SET = """
SELECT set_config(name, value, false) FROM unnest(%s::text[], %s::text[]) AS s (name, value)
WHERE name <> ALL (
    SELECT name FROM pg_settings WHERE source = 'client' AND name LIKE '%%timeout'
    UNION ALL
    SELECT name FROM pg_settings WHERE name = 'synchronous_commit' AND setting = 'remote_apply'
)
"""
"""Set the settings, except time limits that the URL or PGOPTIONS has in its options.

`remote_apply` stays, since it waits for more than `on` does.

Not connection options, since a pooler may drop the options of a connection.
"""


class WrongEncodingError(psycopg.OperationalError):
    """The database cannot store every character; a value would fail only when it comes."""

    def __init__(self, encoding: str) -> None:
        super().__init__(
            f"the database has the encoding {encoding}, which lacks most characters. Create a"
            " database with ENCODING 'UTF8' TEMPLATE template0, and restore a backup into it"
        )


def _check_encoding(info: psycopg.ConnectionInfo) -> None:
    """Check the encoding, which PostgreSQL reports when a session begins.

    Raises:
        WrongEncodingError: It is not UTF8.
    """
    encoding = info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise WrongEncodingError(str(encoding))


def complete_url(url: str) -> str:
    """Return a libpq connection string with the parameters of the URL, and defaults for others.

    Raises:
        psycopg.ProgrammingError: libpq cannot parse the URL. The message repeats parts of it.
    """
    given = conninfo_to_dict(url)
    defaults = {
        name: value
        for name, value in _DEFAULTS.items()
        if name not in given and _VARIABLES.get(name, "") not in os.environ
    }
    return make_conninfo(url, **defaults, client_encoding="UTF8")


def in_words(error: BaseException) -> str:
    """Return the cause of a database error as words on one line, without a full stop."""
    if isinstance(error, TimeoutError):
        return "the database did not respond in time"
    said = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    return " ".join((said or str(error) or type(error).__name__).split()).rstrip(".")


def describe_refusal(error: Exception) -> str:
    """Return why PostgreSQL refused a value, as a sentence without any value."""
    state = error.sqlstate if isinstance(error, psycopg.Error) else None
    return f"PostgreSQL refuses a value: {type(error).__name__}{f' ({state})' if state else ''}."


def _cannot_connect(error: psycopg.OperationalError | OSError) -> psycopg.OperationalError:
    """Return the error of a failed connection, with the cause in its message.

    If this process has no free files or memory, psycopg raises an OSError, or an OperationalError
    that says "no error details". libpq does not say why it does not trust a certificate.
    """
    if isinstance(error, OSError):
        return psycopg.OperationalError(f"cannot connect: {error.strerror or error}")
    if "no error details" in str(error):
        try:
            socket().close()  # libpq gives no reason if it cannot make one
        except OSError as lack:
            return psycopg.OperationalError(f"cannot connect: {lack.strerror}")
    if "certificate verify failed" in str(error):
        return psycopg.OperationalError(
            f"{in_words(error)}. The server's certificate has expired, or sslrootcert does not have"
            " the authority that issued it"
        )
    return error


def open_session(url: str) -> psycopg.Connection:
    """Open a connection in autocommit mode, with the default settings of the server.

    Raises:
        psycopg.OperationalError: The database cannot be reached, or `SharedSessionError`, or
            `WrongEncodingError`.
    """
    try:
        connection = psycopg.connect(complete_url(url), autocommit=True)
    except (psycopg.OperationalError, OSError) as error:
        raise _cannot_connect(error) from error
    try:
        _check_encoding(connection.info)
        check_pooler(connection, complete_url(url))
    except BaseException:
        connection.close()
        raise
    return connection


@dataclass(frozen=True, slots=True)
class Database:
    """The database to connect to, with the role and the timeouts.

    Attributes:
        url: A libpq URL.
        statement_timeout_s: The longest time that a statement may take.
        lock_timeout_s: The longest time to wait for a lock.
        idle_in_transaction_timeout_s: The longest time that a client may be idle in a transaction
            before the server ends the session. Otherwise a frozen process could hold the log's
            lock forever.
    """

    url: str
    statement_timeout_s: float = 30
    lock_timeout_s: float = 5
    idle_in_transaction_timeout_s: float = 5

    @property
    def _settings(self) -> tuple[list[str], list[str]]:
        settings = {
            "statement_timeout": f"{int(self.statement_timeout_s * 1000)}ms",
            "lock_timeout": f"{int(self.lock_timeout_s * 1000)}ms",
            "idle_in_transaction_session_timeout": (
                f"{int(self.idle_in_transaction_timeout_s * 1000)}ms"
            ),
            "synchronous_commit": "on",
            # The format of values must not depend on settings of the role or the database.
            "timezone": "UTC",
            "datestyle": "ISO",
            "array_nulls": "on",
            # After waiting for the log's lock, the append has to see what other sessions committed.
            "default_transaction_isolation": "read committed",
            # Every statement of the service looks up or scans a range of an index. These settings
            # keep that true for plans made while a table is small or not analyzed.
            **dict.fromkeys(_WHOLE_TABLE_PLANS, "off"),
        }
        return list(settings), list(settings.values())

    def connect(self, *, autocommit: bool = True) -> psycopg.Connection:
        """Open a connection.

        Raises:
            psycopg.OperationalError: The database cannot be reached, or `SharedSessionError`, or
                `WrongEncodingError`.
        """
        connection = open_session(self.url)
        register_binary_arrays(connection.adapters)
        try:
            connection.execute(_SET, self._settings, prepare=False)
            connection.autocommit = autocommit
        except BaseException:
            connection.close()
            raise
        return connection

    async def connect_async(self) -> psycopg.AsyncConnection:
        """Open a connection for the event loop, in autocommit mode.

        Raises:
            psycopg.OperationalError: The database cannot be reached, or `SharedSessionError`, or
                `WrongEncodingError`.
        """
        try:
            connection = await psycopg.AsyncConnection.connect(
                complete_url(self.url), autocommit=True, prepare_threshold=0
            )
        except (psycopg.OperationalError, OSError) as error:
            raise _cannot_connect(error) from error
        register_binary_arrays(connection.adapters)
        try:
            _check_encoding(connection.info)
            await connection.execute(_SET, self._settings, prepare=False)
            cursor = await connection.execute(OWN_PID, prepare=False)
            if await cursor.fetchone() != (connection.info.backend_pid,):
                await asyncio.to_thread(lambda: open_session(self.url).close())
        except BaseException:
            await connection.close()
            raise
        return connection

"""Refuse a connection pooler that lends a client another server session for each transaction.

Settings, prepared statements and advisory locks belong to a session. So this package needs a direct
connection, or a pooler in session mode.
"""

import secrets
import select
from contextlib import closing
from typing import LiteralString

import psycopg
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus

_ROUNDS = 10
_WAIT_MS = 1000
OWN_PID = "SELECT pg_backend_pid()"
"""Not `info.backend_pid` if there is a pooler, which tells its clients an invented process id."""

_MARK: LiteralString = "SELECT set_config('txplatform.session', %s, false)"
_READ: LiteralString = (
    "SELECT coalesce(current_setting('txplatform.session', true), '') || ' ' || pg_backend_pid()"
)


class SharedSessionError(psycopg.OperationalError):
    """A pooler lends a client another server session for each transaction or statement."""

    def __init__(self) -> None:
        super().__init__(
            "a connection pooler in transaction or statement mode is in front of it. "
            "Connect directly, or set the pooler to session mode (pool_mode = session)"
        )


def check_pooler(connection: psycopg.Connection, conninfo: str) -> None:
    """Check that the connection keeps one server session, by means of a second connection.

    The connection marks its session, and then both read the mark in turn. If sessions are shared,
    the second connection gets the session that the first one has just returned to the pool, and so
    reads its mark, or the first one gets another session. Other clients of the pool can prevent
    that in one round, but not in all.

    If no session is free, the second connection waits. A pooler that shares sessions would then not
    serve the first one before the second one, so the first one has a session of its own.

    Without a pooler, nothing is checked.

    Args:
        connection: A connection in autocommit mode.
        conninfo: The libpq connection string for the second connection.

    Raises:
        SharedSessionError: The pooler shares sessions.
        psycopg.OperationalError: The second connection could not be opened.
    """
    if connection.execute(OWN_PID, prepare=False).fetchone() == (connection.info.backend_pid,):
        return
    mark = secrets.token_hex(16)
    connection.execute(_MARK, (mark,), prepare=False)
    own = _read(connection)
    with closing(psycopg.connect(conninfo, autocommit=True)) as other:
        poll = select.poll()
        poll.register(other.fileno(), select.POLLIN)
        for _ in range(_ROUNDS):
            other.pgconn.send_query(_READ.encode())
            if not own.startswith(mark) or _read(connection) != own:
                raise SharedSessionError
            served = poll.poll(_WAIT_MS)
            if _read(connection) != own:
                raise SharedSessionError
            if not served:
                return
            if _received(other).startswith(mark):
                raise SharedSessionError


def _read(connection: psycopg.Connection) -> str:
    row = connection.execute(_READ, prepare=False).fetchone()
    return str(row[0]) if row is not None else ""


def _received(other: psycopg.Connection) -> str:
    read = b""
    while (result := other.pgconn.get_result()) is not None:
        if result.status != ExecStatus.TUPLES_OK:
            raise error_from_result(result)
        read = result.get_value(0, 0) or b""
    return read.decode()

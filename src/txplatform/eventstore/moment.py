"""Reads the whole log as it is at one moment, however long that takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import psycopg

from txplatform.database import Database

T = TypeVar("T")
_REPORT_EVERY = 1000


@contextmanager
def moment(
    database: Database, snapshot: str | None = None, *, idle_timeout_s: int = 600
) -> Iterator[psycopg.Connection]:
    """Give a connection in a transaction that sees one moment and writes nothing.

    Args:
        database: As any role that may read.
        snapshot: See the moment of `export_snapshot`; otherwise that of the first statement.
        idle_timeout_s: When the server ends the transaction of a client that is silent; 0 for
            never.
    """
    with database.connect() as connection:
        # A statement that reads everything is not bounded by what a request may take.
        connection.execute("SET statement_timeout = 0")
        connection.execute(
            "SELECT set_config('idle_in_transaction_session_timeout', %s, false)",
            (f"{idle_timeout_s}s",),
        )
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        with connection.transaction():
            if snapshot is not None:
                connection.execute(f"SET TRANSACTION SNAPSHOT '{snapshot}'".encode())
            yield connection


def export_snapshot(connection: psycopg.Connection) -> str:
    """Return what other connections see the same moment by, while this transaction lasts."""
    row = connection.execute("SELECT pg_export_snapshot()").fetchone()
    assert row is not None
    return str(row[0])


def counted(rows: Iterable[T], advance: Callable[[int], None]) -> Iterator[T]:
    """Give the rows, and report their number now and then and at the end."""
    number = 0
    for row in rows:
        yield row
        number += 1
        if number == _REPORT_EVERY:
            advance(number)
            number = 0
    advance(number)

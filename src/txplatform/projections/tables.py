"""SQL shared by the read models: column lists, and statements that write many rows."""

from collections.abc import Sequence
from functools import cache
from typing import Any, LiteralString

import orjson
import psycopg
from psycopg import sql


def columns_of(row: type[Any]) -> sql.Composed:
    """Return the fields of a `NamedTuple` type as an SQL column list."""
    return sql.SQL(", ").join(map(sql.Identifier, row._fields))


def write_rows(
    connection: psycopg.Connection, statement: LiteralString, table: str, rows: Sequence[Any]
) -> None:
    """Write rows with one SQL statement; do nothing if there are no rows.

    Args:
        connection: A connection in the caller's transaction.
        statement: SQL with the placeholders `{table}` and `{rows}`.
        table: The table's name.
        rows: Dataclasses, or mappings from column to value; a column missing from a row is null.
    """
    if rows:
        # Sent as one JSON text: the table itself gives the types, and one array per column would
        # take the client more than twice as long.
        text = orjson.dumps(rows).decode()
        connection.execute(_compose(statement, table), (text,), prepare=True)


@cache  # composing takes a millisecond
def _compose(statement: LiteralString, table: str) -> bytes:
    name = sql.Identifier(table)
    rows = sql.SQL("json_populate_recordset(NULL::{}, %s)").format(name)
    return sql.SQL(statement).format(table=name, rows=rows).as_bytes()

"""The SQL that read models share: lists of columns, and statements that write many rows."""

from collections.abc import Sequence
from functools import cache
from typing import Any, LiteralString

import orjson
import psycopg
from psycopg import sql


def columns_of(row: type[Any]) -> sql.Composed:
    """Return the columns of a row's `NamedTuple`, as a list in SQL."""
    return sql.SQL(", ").join(map(sql.Identifier, row._fields))


def write_rows(
    connection: psycopg.Connection, statement: LiteralString, table: str, rows: Sequence[Any]
) -> None:
    """Run a statement on rows; without rows, do nothing.

    Args:
        connection: In the transaction of the caller.
        statement: SQL in which `{table}` is the table, and `{rows}` are rows of its shape.
        table: The table's name.
        rows: Dataclasses or mappings with values by column; a column that is missing is null.
    """
    if rows:
        # One JSON text: the table itself gives the types, and an array for each column would take
        # the client more than twice as long.
        text = orjson.dumps(rows).decode()
        connection.execute(_compose(statement, table), (text,), prepare=True)


@cache  # composing takes a millisecond
def _compose(statement: LiteralString, table: str) -> bytes:
    name = sql.Identifier(table)
    rows = sql.SQL("json_populate_recordset(NULL::{}, %s)").format(name)
    return sql.SQL(statement).format(table=name, rows=rows).as_bytes()

"""The columns of read models."""

from typing import Any

from psycopg import sql


def columns_of(row: type[Any]) -> sql.Composed:
    """Return the fields of a `NamedTuple` type as an SQL column list."""
    return sql.SQL(", ").join(map(sql.Identifier, row._fields))

"""The SQL that read models share: columns from the class of a row, and changes merged by key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

import orjson
import psycopg
from psycopg import sql


@dataclass(frozen=True, slots=True)
class Column:
    """How a change reaches a column, in SQL: `{0}` is the column, `t` the row, `c` the change.

    Attributes:
        insert: The value in a new row.
        update: The value in a row that is there; None to leave it alone.
    """

    insert: LiteralString = "c.{0}"
    update: LiteralString | None = None


FIRST = Column()
"""Set in a new row only."""
NEWEST = Column(update="coalesce(c.{0}, t.{0})")
"""Set if the change has a value."""
SUM = Column(update="t.{0} + c.{0}")
"""Added up."""


def newest_or(default: LiteralString) -> Column:
    """As `NEWEST`, with a value for a new row of which the change has none."""
    return Column("coalesce(c.{0}, " + default + ")", NEWEST.update)


class Merge:
    """Writes changes by key in one statement.

    Args:
        key: The columns that identify a row.
        columns: How changes reach the others.
        delete_when: A condition on row and change under which the row is deleted.
    """

    def __init__(
        self,
        key: Sequence[str],
        columns: Mapping[str, Column],
        delete_when: sql.SQL | None = None,
    ) -> None:
        self._key = key
        self._columns = columns
        self._delete_when = delete_when
        self._statements: dict[str, bytes] = {}

    def write(
        self, connection: psycopg.Connection, table: str, changes: Iterable[Mapping[str, Any]]
    ) -> None:
        """Merge the changes, each a value by column name, at most one a key."""
        if table not in self._statements:  # making one takes a millisecond
            self._statements[table] = self._statement(table).as_bytes()
        # One JSON text instead of an array a column: the table itself says what the types are,
        # and the client spends a quarter of the time on it.
        rows = orjson.dumps([*changes]).decode()
        # Planned each time: a plan made for a table that was small would read all of it.
        connection.execute(self._statements[table], (rows,), prepare=False)

    def _statement(self, table: str) -> sql.Composed:
        insert = dict.fromkeys(self._key, FIRST.insert)
        insert |= {name: how.insert for name, how in self._columns.items()}
        update = [
            sql.SQL("{} = {}").format(sql.Identifier(name), _of(name, how.update))
            for name, how in self._columns.items()
            if how.update is not None
        ]
        matched = []
        if self._delete_when is not None:
            matched.append(sql.SQL("WHEN MATCHED AND {} THEN DELETE").format(self._delete_when))
        if update:
            set_columns = sql.SQL(", ").join(update)
            matched.append(sql.SQL("WHEN MATCHED THEN UPDATE SET {}").format(set_columns))
        return sql.SQL(
            "MERGE INTO {table} t USING json_populate_recordset(NULL::{table}, %s) c ON {same_key}"
            " {matched} WHEN NOT MATCHED THEN INSERT ({names}) VALUES ({values})"
        ).format(
            table=sql.Identifier(table),
            same_key=sql.SQL(" AND ").join(_of(name, "t.{0} = c.{0}") for name in self._key),
            matched=sql.SQL(" ").join(matched),
            names=sql.SQL(", ").join(map(sql.Identifier, insert)),
            values=sql.SQL(", ").join(_of(name, how) for name, how in insert.items()),
        )


def columns_of(row: type[Any]) -> sql.Composed:
    """The columns of a row's class, as a list in SQL."""
    return sql.SQL(", ").join(map(sql.Identifier, row._fields))


def _of(name: str, expression: LiteralString) -> sql.Composed:
    return sql.SQL(expression).format(sql.Identifier(name))

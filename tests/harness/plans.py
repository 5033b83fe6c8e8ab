"""Query plans of PostgreSQL, as EXPLAIN returns them in JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import psycopg
from psycopg import sql

_COLUMNS = """
SELECT relname, attname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
WHERE relkind IN ('r', 'i') AND attnum > 0
ORDER BY relname, attnum
"""
_PREPARED = """
SELECT name, parameter_types::text[] FROM pg_prepared_statements
WHERE statement NOT LIKE 'SET %' ORDER BY prepare_time
"""

_MONTH = re.compile(r"_\d{4}_\d{2}$")
"""The end of the name of a partition."""


def plan_nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """Return all nodes of a plan, parents first."""
    return [plan, *(node for child in plan.get("Plans", ()) for node in plan_nodes(child))]


class TableAccess:
    """Describes the plan nodes that read or write a table."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._columns: dict[str, list[str]] = {}
        """The columns of each table and of each index."""
        for name, column in connection.execute(_COLUMNS):
            self._columns.setdefault(name, []).append(column)

    def of(self, plan: dict[str, Any]) -> set[str]:
        """Return a description of each node of a plan that reads or writes a table.

        The scan of an index is "table by columns", with the columns that its condition restricts,
        or "table in order of columns" if it has no condition. A node that discards rows ends with
        the columns that it filters on.
        """
        return {self._describe(node) for node in plan_nodes(plan) if "Relation Name" in node}

    def _describe(self, node: dict[str, Any]) -> str:
        kind, relation = node["Node Type"], node["Relation Name"]
        table = _MONTH.sub("", relation)
        text = f"{kind} of {table}"
        if kind == "ModifyTable":
            text = f"{node['Operation'].lower()} {table}"
        elif kind in ("Index Scan", "Index Only Scan"):
            columns = self._columns[node["Index Name"]]
            restricted = _named(columns, node.get("Index Cond", ""))
            how = "by" if restricted else "in order of"
            text = f"{table} {how} {', '.join(restricted or columns)}"
        if filters := node.get("Filter"):
            text += f", filter on {', '.join(_named(self._columns[relation], filters))}"
        return text


def _named(columns: list[str], condition: str) -> list[str]:
    """Return the columns that a condition names without the name of a table.

    Columns of other tables, on the right side of a comparison, have the name of their table.
    """
    return [each for each in columns if re.search(rf"(?<![\w.]){re.escape(each)}\b", condition)]


class StatementRecorder:
    """Records the statements that a connection executes, and explains their plans."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection
        self._label = ""
        self._executed: dict[str, tuple[str, Any]] = {}
        """The label and the parameters of the first execution of each statement."""
        self._prepared: dict[str, tuple[str, int]] = {}
        """The label and the number of parameters of each prepared statement."""
        connection.prepare_threshold = 0
        connection.prepared_max = None
        connection.cursor_factory = self._recording_cursor()

    @contextmanager
    def of(self, label: str) -> Iterator[None]:
        """Record the statements of the block under a label, except those recorded before."""
        self._label = label
        yield
        for name, types in self._run(_PREPARED):
            self._prepared.setdefault(name, (label, len(types)))

    def generic_plans(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield label and generic plan of each prepared statement.

        The session makes each plan once and keeps it.
        """
        self._run("SET plan_cache_mode = force_generic_plan")
        for name, (label, parameters) in self._prepared.items():
            values = f"({', '.join(['NULL'] * parameters)})" if parameters else ""
            yield label, self._explain(f'EXECUTE "{name}"{values}')
        self._run("RESET plan_cache_mode")

    def custom_plans(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield label and plan of each executed statement for the values that it had."""
        for statement, (label, parameters) in self._executed.items():
            yield label, self._explain(statement, parameters)

    def _recording_cursor(self) -> type[psycopg.Cursor[Any]]:
        recorder = self

        class RecordingCursor(psycopg.Cursor[Any]):
            def execute(self, query: Any, params: Any = None, **options: Any) -> Self:
                if isinstance(query, sql.Composable):
                    query = query.as_string(recorder.connection)
                text = query.decode() if isinstance(query, bytes) else query
                if not text.startswith("SET "):
                    recorder._executed.setdefault(text, (recorder._label, params))
                return super().execute(query, params, **options)

        return RecordingCursor

    def _explain(self, statement: str, parameters: Any = None) -> dict[str, Any]:
        ((plans,),) = self._run(f"EXPLAIN (FORMAT JSON) {statement}", parameters)
        plan: dict[str, Any] = plans[0]["Plan"]
        return plan

    def _run(self, statement: str, parameters: Any = None) -> list[Any]:
        cursor = psycopg.Cursor(self.connection)
        cursor.execute(statement.encode(), parameters, prepare=False)
        return cursor.fetchall() if cursor.description else []

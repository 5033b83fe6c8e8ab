"""Checks that compare what is derived from the log with a replay of the log, row by row.

Each check reads its own rows in the order of the accounts, in step with the replay.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Generic, TypeVar

import psycopg
from psycopg import sql

from txplatform.audit.differences import Differences
from txplatform.audit.merge_join import Key, Ordered
from txplatform.audit.replay import Replay
from txplatform.domain.ids import AccountId
from txplatform.eventstore.statements import LoggedEvent

R = TypeVar("R")
_FETCH_ROWS = 2000


class DerivedCheck(Generic[R]):
    """Compares one derived thing, row by row, with the replay.

    Attributes:
        name: What it is, as the report has it.
        compared: How many rows were compared.
    """

    def __init__(self, name: str, rows: Iterable[R], differences: Differences) -> None:
        self.name = name
        self.compared = 0
        self._differences = differences
        self._rows = Ordered(rows, self.key)

    def key(self, row: R) -> Key:
        """Return the account, and the version if rows are by version."""
        raise NotImplementedError

    def begin(self, account_id: AccountId) -> None:
        """An account's replay begins; rows before it are of no account in the log."""
        self._strays(self._rows.before((account_id, 0)))

    def before(self, replay: Replay, position: int) -> None:
        """The event at this log position is about to be applied."""

    def after(self, replay: Replay, logged: LoggedEvent) -> None:
        """The event has been applied."""

    def end(self, replay: Replay) -> None:
        """The account's last event has been applied; it may have no more rows."""
        self._strays(self._rows.of(replay.account_id))

    def skip(self, account_id: AccountId) -> None:
        """The account cannot be replayed: leave its rows."""
        for _ in self._rows.of(account_id):
            pass

    def finish(self) -> None:
        """All accounts have been replayed."""
        self._strays(self._rows.rest())

    def _strays(self, rows: Iterator[R]) -> None:
        for row in rows:
            account_id, version = self.key(row)
            self._differ(account_id, version, "extra_row", None, "a row")

    def _compare(
        self, account_id: str, version: int, names: Iterable[str], expected: Any, found: Any
    ) -> None:
        self.compared += 1
        for name, should_be, stored in zip(names, expected, found, strict=True):
            if should_be != stored:
                self._differ(account_id, version, name, should_be, stored)

    def _differ(self, account_id: str, version: int, what: str, expected: Any, found: Any) -> None:
        self._differences.add(account_id, version, f"{self.name}.{what}", expected, found)


def stored_rows(
    connection: psycopg.Connection, name: str, statement: sql.Composable
) -> Iterator[tuple[Any, ...]]:
    """Read what a statement gives, some thousand rows in memory at a time."""
    with connection.cursor(f"verify_{name}") as cursor:
        cursor.itersize = _FETCH_ROWS
        cursor.execute(statement, binary=True)  # type: ignore[arg-type]
        yield from cursor

"""The base class of checks that compare derived rows, such as snapshots, with a replay of the log.

The replay visits accounts in the order of their ids, and each check reads its rows in this order.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

import psycopg
from psycopg import sql

from txplatform.audit.differences import Differences
from txplatform.audit.replay import Replay
from txplatform.domain.ids import AccountId
from txplatform.eventstore.statements import LoggedEvent

Key = tuple[str, int]
"""Account id and account version."""

R = TypeVar("R")
_FETCH_ROWS = 2000


class DerivedCheck(Generic[R]):
    """Compares one kind of derived rows with the replay. `compared` is the row count."""

    def __init__(self, name: str, rows: Iterable[R], differences: Differences) -> None:
        self.name = name
        self.compared = 0
        self._differences = differences
        self._rows = iter(rows)  # in ascending order of key
        self._next = next(self._rows, None)

    def key(self, row: R) -> Key:
        """Return the row's account id and account version; the version is 0 if the row has none."""
        raise NotImplementedError

    def begin(self, account_id: AccountId) -> None:
        """Begin checking an account; report leftover rows of smaller ids as extra."""
        self._report_extra(self._take(lambda key: key[0] < account_id))

    def before(self, replay: Replay, position: int) -> None:
        """Prepare for the event at this log position, before the event is applied."""

    def after(self, replay: Replay, logged: LoggedEvent) -> None:
        """Check the account after this event was applied."""

    def end(self, replay: Replay) -> None:
        """Check the account after its last event, and report the account's unread rows as extra."""
        self._report_extra(self._of(replay.account_id))

    def skip(self, account_id: AccountId) -> None:
        """Skip the rows of an account that cannot be replayed."""
        for _ in self._of(account_id):
            pass

    def finish(self) -> None:
        """Report as extra the rows that no account has used."""
        self._report_extra(self._take(lambda _: True))

    def _of(self, account_id: str) -> Iterator[R]:
        return self._take(lambda key: key[0] <= account_id)

    def _take(self, condition: Callable[[Key], bool]) -> Iterator[R]:
        while (row := self._next) is not None and condition(self.key(row)):
            self._next = next(self._rows, None)
            yield row

    def _report_extra(self, rows: Iterator[R]) -> None:
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

    def _differ(self, account_id: str, version: int, name: str, expected: Any, found: Any) -> None:
        self._differences.add(account_id, version, f"{self.name}.{name}", expected, found)


def stored_rows(
    connection: psycopg.Connection, name: str, statement: sql.Composable
) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a query, fetching 2,000 at a time.

    Args:
        connection: A connection in a transaction.
        name: A name for the cursor, unique in the transaction.
        statement: The query.
    """
    with connection.cursor(f"verify_{name}") as cursor:
        cursor.itersize = _FETCH_ROWS
        cursor.execute(statement, binary=True)  # type: ignore[arg-type]
        yield from cursor

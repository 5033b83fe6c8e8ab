"""Compare the rows of a read model with the replay up to the read model's checkpoint."""

from operator import itemgetter
from typing import Any

import psycopg
from psycopg import sql
from typing_extensions import override

from txplatform.audit.derived import DerivedCheck, Key, stored_rows
from txplatform.audit.differences import Differences
from txplatform.audit.replay import Replay
from txplatform.domain.ids import AccountId
from txplatform.eventstore.statements import LoggedEvent
from txplatform.projections.projection import Projection, Row, checkpoint_of

_VERSION = "account_version"


class ReadModelCheck(DerivedCheck[Row]):
    """Checks that a read model has exactly the expected rows for each account."""

    def __init__(
        self, projection: Projection, connection: psycopg.Connection, differences: Differences
    ) -> None:
        self._projection = projection
        self._upto = checkpoint_of(projection.name).read(connection)
        self._names = projection.row._fields
        self._account_of = itemgetter(self._names.index("account_id"))
        self._key_of = itemgetter(*map(self._names.index, projection.key))
        self._version_at = self._names.index(_VERSION) if _VERSION in projection.key else None
        statement = sql.SQL("SELECT {} FROM {} ORDER BY {}").format(
            sql.SQL(", ").join(map(sql.Identifier, self._names)),
            sql.Identifier(projection.table),
            sql.SQL(", ").join(map(sql.Identifier, projection.key)),
        )
        rows = stored_rows(connection, projection.name, statement)
        super().__init__(projection.name, rows, differences)

    @override
    def key(self, row: Row) -> Key:
        return self._account_of(row), self._version_of(row, default=0)

    @override
    def begin(self, account_id: AccountId) -> None:
        super().begin(account_id)
        self._expected = self._projection.expected()
        self._rows_then: dict[Any, Row] | None = None

    @override
    def before(self, replay: Replay, position: int) -> None:
        if position > self._upto and self._rows_then is None:
            self._rows_then = self._rows_of(replay)

    @override
    def after(self, replay: Replay, logged: LoggedEvent) -> None:
        if logged.position <= self._upto:
            self._expected.add(logged)

    @override
    def end(self, replay: Replay) -> None:
        expected = self._rows_of(replay) if self._rows_then is None else self._rows_then
        account_id, version = replay.account_id, replay.account.version
        for found in self._of(account_id):
            should_be = expected.pop(self._key_of(found), None)
            at = self._version_of(found, default=version)
            if should_be is None:
                self._differ(account_id, at, "extra_row", None, found)
            else:
                self._compare(account_id, at, self._names, should_be, found)
        for should_be in expected.values():
            at = self._version_of(should_be, default=version)
            self._differ(account_id, at, "missing_row", should_be, None)

    def _rows_of(self, replay: Replay) -> dict[Any, Row]:
        return {self._key_of(row): row for row in self._expected.rows(replay.account)}

    def _version_of(self, row: Row, *, default: int) -> int:
        return default if self._version_at is None else row[self._version_at]

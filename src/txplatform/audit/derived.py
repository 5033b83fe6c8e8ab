"""Holds each derived thing against the replay: snapshots, read models, sums of events.

Each walks its own rows in the accounts' order, in step with the replay.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar

import orjson
import psycopg
from psycopg import sql
from typing_extensions import override

from txplatform.audit.differences import Differences
from txplatform.audit.merge_join import Key, Ordered
from txplatform.audit.replay import Replay
from txplatform.audit.totals import EventSums, event_sums
from txplatform.domain.account import Hold
from txplatform.domain.events import AccountEvent, AuthorizationApproved, AuthorizationDeclined
from txplatform.domain.ids import AccountId, TransactionId, account_of
from txplatform.eventstore.snapshot import AccountSnapshot, account_state
from txplatform.eventstore.statements import LoggedEvent
from txplatform.projections import directory, open_holds, transactions
from txplatform.projections.directory import AccountSummary
from txplatform.projections.open_holds import OpenHold
from txplatform.projections.projection import checkpoint_of
from txplatform.projections.transactions import TRANSACTIONS, decision_row, named_row

R = TypeVar("R")
_FETCH_ROWS = 2000
_LAST = 2**63


class DerivedCheck(Generic[R]):
    """Compares one derived thing, row by row, with the replay.

    Attributes:
        name: What it is, as the report says it.
        compared: How many rows were compared.
    """

    name: ClassVar[str]

    def __init__(self, rows: Iterable[R], differences: Differences) -> None:
        self.compared = 0
        self._differences = differences
        self._rows = Ordered(rows, self.key)

    def key(self, row: R) -> Key:
        """The account, and the version where rows are by version."""
        raise NotImplementedError

    def begin(self, account_id: AccountId) -> None:
        """An account's replay begins; rows before it belong to no account of the log."""
        self._strays(self._rows.before((account_id, 0)))

    def before(self, replay: Replay, position: int) -> None:
        """The event at this log position is about to be applied."""

    def after(
        self, replay: Replay, position: int, recorded_at: datetime, event: AccountEvent
    ) -> None:
        """The event at this log position has been applied."""

    def end(self, replay: Replay) -> None:
        """The account's last event has been applied; no row of it may be left."""
        self._strays(self._rows.before((replay.account_id, _LAST)))

    def skip(self, account_id: AccountId) -> None:
        """The account cannot be replayed: leave its rows."""
        for _ in self._rows.before((account_id, _LAST)):
            pass

    def finish(self) -> None:
        """All accounts have been replayed."""
        self._strays(self._rows.rest())

    def _strays(self, rows: Iterator[R]) -> None:
        for row in rows:
            account_id, version = self.key(row)
            self._differences.add(account_id, version, f"{self.name}.extra_row", None, "a row")

    def _compare(self, replay: Replay, names: Iterable[str], expected: Any, found: Any) -> None:
        self.compared += 1
        if expected == found:
            return
        for name, should_be, stored in zip(names, expected, found, strict=True):
            if should_be != stored:
                self._differences.add(
                    replay.account_id,
                    replay.account.version,
                    f"{self.name}.{name}",
                    should_be,
                    stored,
                )


class SnapshotCheck(DerivedCheck[tuple[str, int, str, bytes]]):
    """Every snapshot of this version's shape is the account's state at its version."""

    name = "snapshot"

    def __init__(self, connection: psycopg.Connection, differences: Differences) -> None:
        statement = sql.SQL(
            "SELECT originator_id, originator_version, topic, state FROM snapshots"
            " ORDER BY originator_id, originator_version"
        )
        super().__init__(_read(connection, self.name, statement), differences)

    @override
    def key(self, row: tuple[str, int, str, bytes]) -> Key:
        return account_of(row[0]), row[1]

    @override
    def after(
        self,
        replay: Replay,
        position: int,
        recorded_at: datetime,
        event: AccountEvent,
    ) -> None:
        for _, _, topic, stored in self._rows.at((replay.account_id, replay.account.version)):
            if AccountSnapshot.is_current(topic):
                expected = orjson.loads(orjson.dumps(account_state(replay.account)))
                try:
                    found = orjson.loads(stored)
                except ValueError:
                    found = None
                if not isinstance(found, dict) or found.keys() != expected.keys():
                    expected, found = {"state": expected}, {"state": found}
                self._compare(replay, expected, [*expected.values()], [found[n] for n in expected])


class TransactionCheck(DerivedCheck[tuple[Any, ...]]):
    """The list has every decision up to its position, and what is named and has none there."""

    name = "transactions"
    _version = transactions.COLUMNS.index("account_version")

    def __init__(self, connection: psycopg.Connection, differences: Differences) -> None:
        self._upto = checkpoint_of(self.name).read(connection)
        self._decided: set[TransactionId] = set()
        self._named: dict[TransactionId, tuple[int, bool]] = {}  # its version, whether it has a row
        statement = sql.SQL(
            "SELECT {} FROM transactions ORDER BY account_id, account_version"
        ).format(sql.SQL(", ").join(map(sql.Identifier, transactions.COLUMNS)))
        super().__init__(_read(connection, self.name, statement), differences)

    @override
    def key(self, row: tuple[Any, ...]) -> Key:
        return row[0], row[self._version]

    @override
    def begin(self, account_id: AccountId) -> None:
        super().begin(account_id)
        self._decided.clear()
        self._named.clear()

    @override
    def after(
        self, replay: Replay, position: int, recorded_at: datetime, event: AccountEvent
    ) -> None:
        if position > self._upto or event.TOPIC not in TRANSACTIONS.topics:
            return
        key = (replay.account_id, replay.account.version)
        self._strays(self._rows.before(key))
        found = next(self._rows.at(key), None)
        logged = LoggedEvent(position, recorded_at, event)
        if isinstance(event, AuthorizationApproved | AuthorizationDeclined):
            self._decide(replay, event.purchase.transaction_id, logged, found)
        elif event.transaction_id is not None:
            self._name(replay, event.transaction_id, logged, found)

    def _decide(
        self,
        replay: Replay,
        transaction_id: TransactionId,
        logged: LoggedEvent,
        found: tuple[Any, ...] | None,
    ) -> None:
        """It has a row here, and none where it was named before."""
        self._decided.add(transaction_id)
        version, has_row = self._named.pop(transaction_id, (0, False))
        if has_row:
            self._differ(replay, version, "extra_row", None, "a row")
        if found is None:
            self._differ(replay, replay.account.version, "missing_row", logged.event.key, None)
        else:
            self._compare(replay, transactions.COLUMNS, decision_row(logged), found)

    def _name(
        self,
        replay: Replay,
        transaction_id: TransactionId,
        logged: LoggedEvent,
        found: tuple[Any, ...] | None,
    ) -> None:
        """It has a row here where this is the first to name it, and it is not decided later."""
        version = replay.account.version
        if transaction_id not in self._decided and transaction_id not in self._named:
            self._named[transaction_id] = version, found is not None
            if found is not None:
                self._compare(replay, transactions.COLUMNS, named_row(logged), found)
        elif found is not None:
            self._differ(replay, version, "extra_row", None, "a row")

    @override
    def end(self, replay: Replay) -> None:
        for transaction_id, (version, has_row) in self._named.items():
            if not has_row:
                self._differ(replay, version, "missing_row", transaction_id, None)
        super().end(replay)

    def _differ(self, replay: Replay, version: int, what: str, expected: Any, found: Any) -> None:
        self._differences.add(replay.account_id, version, f"{self.name}.{what}", expected, found)


class DirectoryCheck(DerivedCheck[AccountSummary]):
    """The directory has every account as it was at the directory's position."""

    name = "directory"

    def __init__(self, connection: psycopg.Connection, differences: Differences) -> None:
        self._upto = checkpoint_of(self.name).read(connection)
        self._expected: AccountSummary | None = None
        self._reached = False
        statement = sql.SQL("SELECT {} FROM account_directory ORDER BY account_id").format(
            sql.SQL(", ").join(map(sql.Identifier, directory.COLUMNS))
        )
        rows = _read(connection, self.name, statement)
        super().__init__((AccountSummary(*row) for row in rows), differences)

    @override
    def key(self, row: AccountSummary) -> Key:
        return row.account_id, 0

    @override
    def begin(self, account_id: AccountId) -> None:
        super().begin(account_id)
        self._expected, self._reached = None, False

    @override
    def before(self, replay: Replay, position: int) -> None:
        if position > self._upto and not self._reached:
            self._expected, self._reached = _summary(replay), True

    @override
    def end(self, replay: Replay) -> None:
        expected = self._expected if self._reached else _summary(replay)
        if expected is not None:
            found = next(self._rows.at((replay.account_id, 0)), None)
            if found is None:
                self._differences.add(
                    replay.account_id,
                    expected.account_version,
                    f"{self.name}.missing_row",
                    "a row",
                    None,
                )
            else:
                self._compare(
                    replay,
                    directory.COLUMNS,
                    [getattr(expected, name) for name in directory.COLUMNS],
                    [getattr(found, name) for name in directory.COLUMNS],
                )
        super().end(replay)


class OpenHoldsCheck(DerivedCheck[OpenHold]):
    """The open holds are those of every account at the read model's position."""

    name = "open_holds"

    def __init__(self, connection: psycopg.Connection, differences: Differences) -> None:
        self._upto = checkpoint_of(self.name).read(connection)
        self._expected: dict[TransactionId, Hold] | None = None
        statement = sql.SQL("SELECT {} FROM open_holds ORDER BY account_id, transaction_id").format(
            sql.SQL(", ").join(map(sql.Identifier, open_holds.COLUMNS))
        )
        rows = _read(connection, self.name, statement)
        super().__init__((OpenHold(*row) for row in rows), differences)

    @override
    def key(self, row: OpenHold) -> Key:
        return row.account_id, 0

    @override
    def begin(self, account_id: AccountId) -> None:
        super().begin(account_id)
        self._expected = None

    @override
    def before(self, replay: Replay, position: int) -> None:
        if position > self._upto and self._expected is None:
            self._expected = dict(replay.account.holds)

    @override
    def end(self, replay: Replay) -> None:
        expected = dict(replay.account.holds) if self._expected is None else self._expected
        for found in self._rows.at((replay.account_id, 0)):
            hold = expected.pop(found.transaction_id, None)
            if hold is None:
                self._differ(replay, "extra_row", None, found.transaction_id)
            else:
                self._compare(replay, ("amount", "expires_at"), hold, found[2:])
        for transaction_id in expected:
            self._differ(replay, "missing_row", transaction_id, None)
        super().end(replay)

    def _differ(self, replay: Replay, name: str, expected: Any, found: Any) -> None:
        version = replay.account.version
        self._differences.add(replay.account_id, version, f"{self.name}.{name}", expected, found)


class SumCheck(DerivedCheck[EventSums]):
    """Posted and pending are what the amounts in the stored events add up to (I2)."""

    name = "sums"
    _names = tuple(field.name for field in fields(EventSums))[1:]

    def __init__(self, connection: psycopg.Connection, differences: Differences) -> None:
        self._unreadable = False
        self._differences = differences
        super().__init__(self._readable(connection), differences)

    @override
    def key(self, row: EventSums) -> Key:
        return account_of(row.stream), 0

    @override
    def end(self, replay: Replay) -> None:
        if self._unreadable:
            return
        found = next(self._rows.at((replay.account_id, 0)), None)
        account = replay.account
        if found is not None:
            self._compare(
                replay,
                self._names,
                (account.version, account.posted, account.pending),
                (found.events, found.posted, found.pending),
            )

    def _readable(self, connection: psycopg.Connection) -> Iterator[EventSums]:
        try:
            yield from event_sums(connection)
        except psycopg.DataError as error:
            self._unreadable = True
            self._differences.add("(all)", 0, self.name, "amounts in JSON", str(error).strip())


def _summary(replay: Replay) -> AccountSummary | None:
    """The account as the directory should have it; None before its first event."""
    account = replay.account
    if replay.updated_at is None:
        return None
    return AccountSummary(
        account_id=account.account_id,
        account_version=account.version,
        status=str(account.status) if account.opened else None,
        operator_status=str(account.operator_status),
        team_status=str(account.team_status),
        currency=account.currency,
        credit_limit=account.credit_limit,
        limit_version=account.limit_version,
        posted=account.posted,
        pending=account.pending,
        opened_at=replay.opened_at,
        updated_at=replay.updated_at,
    )


def _read(
    connection: psycopg.Connection, name: str, statement: sql.Composable
) -> Iterator[tuple[Any, ...]]:
    with connection.cursor(f"verify_{name}") as cursor:
        cursor.itersize = _FETCH_ROWS
        cursor.execute(statement, binary=True)  # type: ignore[arg-type]
        yield from cursor

"""Measure reading the log: replay, verification and the rebuild of a read model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from statistics import median
from time import perf_counter, process_time

import psycopg
from eventsourcing.persistence import StoredEvent

from benchmarks.rows import Row
from benchmarks.stand import Effort, Stand, opening
from txplatform.audit.differences import Differences
from txplatform.audit.replay import Replay
from txplatform.audit.rerun import Rerun
from txplatform.audit.verify import verify
from txplatform.database import Database
from txplatform.domain.account import Account
from txplatform.domain.advices import Payment
from txplatform.domain.commands import Command
from txplatform.domain.ids import AccountId, PaymentId, TransactionId, account_of
from txplatform.domain.requests import Merchant, Purchase
from txplatform.eventstore.consistent_read import StoredRow, whole_streams
from txplatform.eventstore.mapper import EventMapper
from txplatform.projections.rebuild import rebuild
from txplatform.projections.transactions import TRANSACTIONS
from txplatform.rulebook.book import RuleBook

GROUP = "log"
REPLAY = "replay: stored rows to account states"
LIBRARY = "replay by the library's mapper and mutate"
VERIFY = "verify: replay and compare all derived data"
REBUILD = "rebuild of the list of transactions"
EVENTS = 100
"""Events of each account."""
_ROUNDS = 9
"""The least number of rounds of both replays. The first ones are slower: Python adapts its code."""
_MERCHANT = Merchant("m-17", "Corner Books", "5942", "USA")


def measure(effort: Effort, accounts: int = 1_000, *, whole: bool = True) -> list[Row]:
    """Read a log of two thirds purchases and one third payments; if not `whole`, only replay."""
    with Stand() as stand:
        stand.record(
            command for account in range(accounts) for command in _history(f"bench-{account}")
        )
        database = Database(stand.urls.owner)
        total = accounts * EVENTS
        rows = _stored_rows(database)
        runs: dict[str, list[float]] = {REPLAY: [], LIBRARY: []}
        for _ in range(max(effort.rounds, _ROUNDS)):
            runs[REPLAY].append(_cpu_s(lambda: _replay(rows)))
            runs[LIBRARY].append(_cpu_s(lambda: _replay_by_library(rows)))
        if whole:
            for name, how in (
                (VERIFY, lambda: verify(database)),
                (REBUILD, lambda: rebuild(database, TRANSACTIONS)),
            ):
                runs[name] = [_wall_s(how) for _ in range(effort.rounds)]
        return [
            Row(
                GROUP,
                name,
                round(total / median(taken)),
                "events/s",
                settings={"accounts": accounts, "history": EVENTS},
            )
            for name, taken in runs.items()
        ]


def _history(account: str) -> Iterator[Command]:
    yield opening(account)
    account_id, now = AccountId(account), datetime.now(UTC)
    for number in range(1, EVENTS):
        if number % 3 == 0:
            payment = PaymentId(f"{account}-p{number}")
            yield Payment(payment, account_id, 150, "USD", now)
        else:
            transaction = TransactionId(f"{account}-t{number}")
            yield Purchase(transaction, account_id, 100, "USD", _MERCHANT)


def _stored_rows(database: Database) -> list[tuple[str, list[StoredRow]]]:
    with database.connect() as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        with connection.transaction():
            return [(stream, list(rows)) for stream, rows in whole_streams(connection)]


def _replay(streams: list[tuple[str, list[StoredRow]]]) -> None:
    differences, rerun = Differences(), Rerun(RuleBook())
    for stream, rows in streams:
        replay = Replay(account_of(stream), rerun, differences)
        for row in rows:
            replay.apply(replay.read(row))
    if differences.count:
        raise RuntimeError(f"the replay found {differences.count} differences")


def _replay_by_library(streams: list[tuple[str, list[StoredRow]]]) -> None:
    mapper = EventMapper()
    for stream, rows in streams:
        account: Account | None = None
        for row in rows:
            stored = StoredEvent(stream, row.originator_version, row.topic, row.state)
            account = mapper.to_domain_event(stored).mutate(account)  # type: ignore[attr-defined]


def _cpu_s(work: Callable[[], object]) -> float:
    started = process_time()
    work()
    return process_time() - started


def _wall_s(work: Callable[[], object]) -> float:
    started = perf_counter()
    work()
    return perf_counter() - started

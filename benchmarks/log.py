"""Reading the log back: replay, verification, read models made again."""

from __future__ import annotations

from datetime import UTC, datetime
from statistics import median
from time import perf_counter, process_time
from typing import TYPE_CHECKING

import psycopg
from eventsourcing.persistence import StoredEvent

from benchmarks.rows import Row
from benchmarks.stand import Stand
from txplatform.audit.verify import verify
from txplatform.database import Database
from txplatform.domain.account import Account
from txplatform.domain.commands.authorize import Authorize
from txplatform.domain.commands.receive_payment import ReceivePayment
from txplatform.domain.facts import Payment
from txplatform.domain.ids import AccountId, PaymentId, TransactionId, account_of
from txplatform.domain.purchase import Merchant, Purchase
from txplatform.eventstore.mapper import EventMapper, decode_event
from txplatform.eventstore.streams import whole_streams
from txplatform.projections.rebuild import rebuild
from txplatform.projections.transactions import TRANSACTIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.stand import Effort
    from txplatform.domain.commands.outcome import Command
    from txplatform.eventstore.streams import StoredRow

GROUP = "log"
REPLAY = "replay: stored rows to account states"
LIBRARY = "the same by the library's mapper and mutate"
VERIFY = "verify: replay and compare all that is derived"
REBUILD = "rebuild of the list of transactions"
ACCOUNTS = 200
EVENTS = 100
_MERCHANT = Merchant("m-17", "Corner Books", "5942", "USA")


def measure(effort: Effort, events: int = EVENTS) -> list[Row]:
    """Of a log of two thirds purchases and one third payments."""
    with Stand() as stand:
        stand.open_accounts(ACCOUNTS)
        for first in range(0, ACCOUNTS, 10):
            stand.record(
                _command(AccountId(f"bench-{account}"), number)
                for account in range(first, first + 10)
                for number in range(1, events)
            )
        database = Database(stand.urls.owner)
        total = ACCOUNTS * events
        rows = _stored_rows(database)
        runs: dict[str, list[float]] = {REPLAY: [], LIBRARY: []}
        for _ in range(effort.rounds):
            runs[REPLAY].append(_cpu_s(lambda: _replay(rows)))
            runs[LIBRARY].append(_cpu_s(lambda: _replay_by_library(rows)))
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
                settings={"accounts": ACCOUNTS, "history": events},
            )
            for name, taken in runs.items()
        ]


def _command(account: AccountId, number: int) -> Command:
    now = datetime.now(UTC)
    if number % 3 == 0:
        return ReceivePayment(Payment(PaymentId(f"p{number}"), account, 150, "USD", now))
    return Authorize(Purchase(TransactionId(f"t{number}"), account, 100 + number, "USD", _MERCHANT))


def _stored_rows(database: Database) -> list[tuple[str, list[StoredRow]]]:
    with database.connect() as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        with connection.transaction():
            return [(stream, list(rows)) for stream, rows in whole_streams(connection)]


def _replay(streams: list[tuple[str, list[StoredRow]]]) -> None:
    for stream, rows in streams:
        account = Account.unopened(account_of(stream))
        for row in rows:
            decode_event(stream, row.originator_version, row.topic, row.state).mutate(account)


def _replay_by_library(streams: list[tuple[str, list[StoredRow]]]) -> None:
    mapper = EventMapper()
    for stream, rows in streams:
        account: Account | None = None
        for row in rows:
            stored = StoredEvent(stream, row.originator_version, row.topic, row.state)
            account = mapper.to_domain_event(stored).mutate(account)  # type: ignore[attr-defined]


def _cpu_s(work: Callable[[], object]) -> float:
    """Time of this process alone: there is no waiting in it."""
    started = process_time()
    work()
    return process_time() - started


def _wall_s(work: Callable[[], object]) -> float:
    started = perf_counter()
    work()
    return perf_counter() - started

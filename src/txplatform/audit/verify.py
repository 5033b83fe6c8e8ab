"""Replays every account from its first event and compares with everything derived from it.

All of it is read as of one moment, so it can run beside a working system: a read model that
lags is held against the log up to its own position. One account is in memory at a time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import psycopg

from txplatform.audit.derived import (
    DerivedCheck,
    DirectoryCheck,
    OpenHoldsCheck,
    SnapshotCheck,
    SumCheck,
    TransactionCheck,
)
from txplatform.audit.differences import Differences
from txplatform.audit.replay import BrokenStreamError, Replay
from txplatform.audit.rerun import Rerun
from txplatform.audit.rule_book import check_rule_book
from txplatform.database import Database
from txplatform.domain.ids import account_of, account_stream
from txplatform.errors import TxPlatformError
from txplatform.eventstore.log import last_position
from txplatform.eventstore.streams import StoredRow, whole_streams

_REPORT_EVERY = 1000


@dataclass(slots=True)
class Verification:
    """What was replayed and compared, and what differs.

    Attributes:
        log_position: The newest event's at the moment that was verified.
        compared: How many rows of each derived thing were compared.
        seconds: How long it took.
    """

    log_position: int = 0
    accounts: int = 0
    events: int = 0
    compared: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    differences: Differences = field(default_factory=Differences)

    @property
    def passed(self) -> bool:
        """Whether everything is as the log says."""
        return self.differences.count == 0


def verify(database: Database, advance: Callable[[int], None] = lambda _: None) -> Verification:
    """Replay every account and compare.

    Args:
        database: As any role that may read; nothing is written.
        advance: Is told how many events more have been replayed.

    Raises:
        psycopg.OperationalError: The database cannot be read.
    """
    started = time.perf_counter()
    result = Verification()
    with ExitStack() as stack:
        main = stack.enter_context(_reader(database))
        stack.enter_context(main.transaction())
        # The sums have a connection of their own, so that bytes that are no JSON cannot end
        # the transaction that everything else is read in; both see the same moment.
        sums = stack.enter_context(_reader(database))
        stack.enter_context(sums.transaction())
        row = main.execute("SELECT pg_export_snapshot()").fetchone()
        assert row is not None
        sums.execute(f"SET TRANSACTION SNAPSHOT '{row[0]}'".encode())
        result.log_position = last_position(main)
        checks: tuple[DerivedCheck[Any], ...] = (
            SnapshotCheck(main, result.differences),
            TransactionCheck(main, result.differences),
            DirectoryCheck(main, result.differences),
            OpenHoldsCheck(main, result.differences),
            SumCheck(sums, result.differences),
        )
        rerun = Rerun(check_rule_book(main, result.differences))
        for stream, rows in whole_streams(main):
            _verify_stream(stream, _counted(rows, result, advance), rerun, checks, result)
        for check in checks:
            check.finish()
            result.compared[check.name] = check.compared
        result.compared["decisions run again"] = rerun.decisions
    advance(result.events % _REPORT_EVERY)
    result.seconds = time.perf_counter() - started
    return result


def _verify_stream(
    stream: str,
    rows: Iterator[StoredRow],
    rerun: Rerun,
    checks: tuple[DerivedCheck[Any], ...],
    result: Verification,
) -> None:
    account_id = account_of(stream)
    result.accounts += 1
    if stream != account_stream(account_id):
        result.differences.add(stream, 0, "originator_id", f"account-{stream}", stream)
        return
    replay = Replay(account_id, rerun, result.differences)
    for check in checks:
        check.begin(account_id)
    whole = _replay(replay, rows, checks, result.differences)
    for check in checks:
        if whole:
            check.end(replay)
        else:
            check.skip(account_id)


def _replay(
    replay: Replay,
    rows: Iterator[StoredRow],
    checks: tuple[DerivedCheck[Any], ...],
    differences: Differences,
) -> bool:
    """Apply the account's events one by one; gives whether all could be applied."""
    version = 0
    try:
        for row in rows:
            version = row.originator_version
            event = replay.read(row)
            for check in checks:
                check.before(replay, row.position)
            replay.apply(event)
            for check in checks:
                check.after(replay, row.position, row.recorded_at, event)
    except BrokenStreamError as error:
        differences.add(replay.account_id, version, "version", error.expected, error.found)
    except (TxPlatformError, ValueError, TypeError, LookupError, AttributeError) as error:
        differences.add(replay.account_id, version, "state", "a readable event", repr(error))
    else:
        return True
    for _ in rows:
        pass  # what follows cannot be replayed; the other accounts can
    return False


def _counted(
    rows: Iterator[StoredRow], result: Verification, advance: Callable[[int], None]
) -> Iterator[StoredRow]:
    for row in rows:
        result.events += 1
        if result.events % _REPORT_EVERY == 0:
            advance(_REPORT_EVERY)
        yield row


def _reader(database: Database) -> psycopg.Connection:
    connection = database.connect()
    # It reads everything there is: no statement's time is bounded by what a request may take.
    connection.execute("SET statement_timeout = 0")
    connection.execute("SET idle_in_transaction_session_timeout = '10min'")
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.read_only = True
    return connection

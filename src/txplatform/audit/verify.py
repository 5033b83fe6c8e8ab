"""Replay every account from its first event, and compare all derived data with the replay.

All data is read in one database snapshot, so a running system can be verified. A read model that
lags is compared with the log up to its own checkpoint. One account is in memory at a time.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from txplatform.audit.derived import DerivedCheck
from txplatform.audit.differences import Differences
from txplatform.audit.read_models import ReadModelCheck
from txplatform.audit.replay import BrokenStreamError, Replay
from txplatform.audit.rerun import Rerun
from txplatform.audit.rule_book import check_rule_book
from txplatform.audit.snapshots import SnapshotCheck
from txplatform.audit.totals import SumCheck
from txplatform.database import Database
from txplatform.domain.ids import account_of, account_stream
from txplatform.errors import TxPlatformError
from txplatform.eventstore.consistent_read import (
    StoredRow,
    consistent_read,
    export_snapshot,
    whole_streams,
)
from txplatform.eventstore.log import last_position
from txplatform.eventstore.statements import LoggedEvent
from txplatform.projections import PROJECTIONS


@dataclass(slots=True)
class Verification:
    """The result of a verification.

    Attributes:
        log_position: The log's last position in the database snapshot.
        compared: The number of compared rows for each check name.
    """

    log_position: int = 0
    accounts: int = 0
    events: int = 0
    compared: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    differences: Differences = field(default_factory=Differences)

    @property
    def passed(self) -> bool:
        """True if there are no differences."""
        return self.differences.count == 0


def verify(database: Database, advance: Callable[[int], None] = lambda _: None) -> Verification:
    """Replay every account, and compare all derived data with the replay.

    Args:
        database: Opened as any role that may read; nothing is written.
        advance: Called with the number of events read since the last call.

    Raises:
        psycopg.OperationalError: The database cannot be read.
    """
    started = time.perf_counter()
    result = Verification()

    def count(events: int) -> None:
        result.events += events
        advance(events)

    # The sums have their own connection: stored bytes that are not JSON abort the transaction.
    with (
        consistent_read(database) as main,
        consistent_read(database, export_snapshot(main)) as sums,
    ):
        result.log_position = last_position(main)
        checks: tuple[DerivedCheck[Any], ...] = (
            SnapshotCheck(main, result.differences),
            *(ReadModelCheck(each, main, result.differences) for each in PROJECTIONS),
            SumCheck(sums, result.differences),
        )
        rerun = Rerun(check_rule_book(main, result.differences))
        for stream, rows in whole_streams(main, count):
            _verify_stream(stream, rows, rerun, checks, result)
        for check in checks:
            check.finish()
            result.compared[check.name] = check.compared
        result.compared["re-evaluated decisions"] = rerun.decisions
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
    version = 0
    try:
        for row in rows:
            version = row.originator_version
            event = replay.read(row)
            for check in checks:
                check.before(replay, row.position)
            replay.apply(event)
            logged = LoggedEvent(row.position, row.recorded_at, event)
            for check in checks:
                check.after(replay, logged)
    except BrokenStreamError as error:
        differences.add(replay.account_id, version, "version", error.expected, error.found)
    except (TxPlatformError, ValueError, TypeError, LookupError, AttributeError) as error:
        differences.add(replay.account_id, version, "state", "a readable event", repr(error))
    else:
        return True
    for _ in rows:
        pass  # the rest of this account cannot be replayed
    return False

"""Replay slices (ranges of accounts) in a process of the pool."""

import atexit
import gc
import multiprocessing
import os
import threading
from collections.abc import Iterable
from contextlib import ExitStack
from datetime import datetime
from functools import cache
from itertools import groupby
from operator import itemgetter

import psycopg

from txplatform.backtest.counterfactual import Counterfactual
from txplatform.backtest.slices import Row, Slice, read_slice
from txplatform.backtest.tally import Tally
from txplatform.database import Database
from txplatform.domain.ids import account_of
from txplatform.domain.rulesets import RuleSet
from txplatform.errors import TxPlatformError
from txplatform.eventstore.consistent_read import consistent_read

_COLLECT_AFTER = 100_000
"""Allocations between garbage collections, which free little: a replay creates no cycles."""


class DamagedHistoryError(TxPlatformError):
    """Raised if an account's history cannot be replayed."""


def prepare() -> None:
    """Prepare a new process: collect garbage less often, and exit when the parent exits."""
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER)
    threading.Thread(target=_exit_with_parent, daemon=True).start()


def _exit_with_parent() -> None:
    """Exit when the parent is killed; otherwise this process would wait for work forever."""
    parent = multiprocessing.parent_process()
    assert parent is not None  # this is a process of the pool
    parent.join()
    os._exit(1)


def replay_slice(
    database: Database, snapshot: str, part: Slice, candidate: RuleSet, since: datetime
) -> Tally:
    """Replay the accounts of a slice.

    Args:
        database: The database; a read-only role is enough.
        snapshot: The id of the exported database snapshot, which all processes read.
        part: The slice to replay.
        candidate: The rule set to test.
        since: The time from which the candidate decides; earlier decisions stay as recorded.

    Raises:
        DamagedHistoryError: An event is missing or cannot be decoded.
        TxPlatformError: The log cannot be read.
    """
    tally = Tally()
    try:
        rows = read_slice(_connection(database, snapshot), part)
        replay_accounts(rows, candidate, since, tally)
    except psycopg.Error as error:
        raise TxPlatformError(
            "The log cannot be read.", why=str(error), next_step="Try again."
        ) from None
    tally.settle()
    return tally


def replay_accounts(rows: Iterable[Row], candidate: RuleSet, since: datetime, tally: Tally) -> None:
    """Replay accounts and count their decisions in `tally`.

    `rows` must be sorted by stream and version.

    Raises:
        DamagedHistoryError: An event is missing or cannot be decoded.
    """
    for stream, events in groupby(rows, itemgetter(0)):
        tally.accounts += 1
        apply, last = Counterfactual(account_of(stream), candidate, since, tally).apply, 0
        for _, version, topic, state in events:
            if version != last + 1:
                raise _damaged(stream, version, f"It follows version {last}")
            last = version
            try:
                apply(version, topic, state)
            except TxPlatformError as error:
                raise _damaged(stream, version, error.why or error.what) from error
            except (ValueError, TypeError, LookupError, AttributeError) as error:
                raise _damaged(stream, version, f"It cannot be read: {error!r}") from error
        tally.events += last


def _damaged(stream: str, version: int, why: str) -> DamagedHistoryError:
    return DamagedHistoryError(
        f"Account {account_of(stream)}, version {version}, cannot be replayed.",
        why=why.removesuffix(".") + ".",
        next_step="`txplatform verify` finds all such events; restore the log from a backup.",
    )


@cache
def _connection(database: Database, snapshot: str) -> psycopg.Connection:
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(consistent_read(database, snapshot, idle_timeout_s=0))

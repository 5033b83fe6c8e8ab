"""Replays one slice of accounts after the other in a process of the pool."""

from __future__ import annotations

import atexit
import gc
import multiprocessing
import os
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import cache

import psycopg

from txplatform.backtest.accounts import replay_accounts
from txplatform.backtest.slices import Slice, read_slice
from txplatform.backtest.tally import Tally
from txplatform.database import Database
from txplatform.domain.rulesets import RuleSet
from txplatform.errors import TxPlatformError
from txplatform.eventstore.moment import moment

_GARBAGE_AFTER = 100_000
"""An account leaves no cycles, so there is little to look for, and much to look through."""


@dataclass(frozen=True, slots=True)
class Task:
    """The work of a backtest, the same for all processes.

    Attributes:
        snapshot: The moment of the log that all processes read.
        since: The time from which the candidate decides.
    """

    database: Database
    snapshot: str
    candidate: RuleSet
    since: datetime


def prepare() -> None:
    """Prepare a new process: collect less garbage, and end when the parent does."""
    gc.freeze()
    gc.set_threshold(_GARBAGE_AFTER)
    threading.Thread(target=_end_with_the_parent, daemon=True).start()


def _end_with_the_parent() -> None:
    """End this process when its parent is killed; otherwise it would wait for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None  # this is a process of the pool
    parent.join()
    os._exit(1)


def replay_slice(task: Task, part: Slice) -> Tally:
    """Replay a slice's accounts.

    Raises:
        DamagedHistoryError: An event cannot be replayed.
        TxPlatformError: The log cannot be read.
    """
    tally = Tally()
    try:
        rows = read_slice(_connection(task.database, task.snapshot), part)
        replay_accounts(rows, task.candidate, task.since, tally)
    except psycopg.Error as error:
        raise TxPlatformError(
            "The log cannot be read.", why=str(error), next_step="Try again."
        ) from None
    tally.settle()
    return tally


@cache
def _connection(database: Database, snapshot: str) -> psycopg.Connection:
    """Enter the moment once in each process, until the process ends."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(moment(database, snapshot, idle_timeout_s=0))

"""Backtest a rule set in a pool of processes, each replaying slices (ranges of accounts)."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from txplatform.backtest.counterfactual import BEGINNING
from txplatform.backtest.slices import slices
from txplatform.backtest.tally import Tally
from txplatform.backtest.worker import prepare, replay_slice
from txplatform.database import Database
from txplatform.domain.rulesets import RuleSet
from txplatform.errors import TxPlatformError
from txplatform.eventstore.consistent_read import consistent_read, export_snapshot
from txplatform.eventstore.log import last_position

_SLICES_EACH = 32
"""Slices per process: enough to show progress and to keep all processes busy until the end."""


class WorkerLostError(TxPlatformError):
    """Raised if a process of the pool was killed."""


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a backtest.

    Attributes:
        since: The time from which the candidate rule set decided; None for the beginning.
        log_position: The newest log position in the replayed snapshot.
    """

    candidate: RuleSet
    since: datetime | None
    log_position: int
    processes: int
    seconds: float
    tally: Tally


def cores() -> int:
    """Return the number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0))


def backtest(
    database: Database,
    candidate: RuleSet,
    since: datetime | None = None,
    *,
    processes: int | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> Result:
    """Replay every account with the candidate rule set in place of the recorded ones.

    Args:
        database: The database; a read-only role is enough.
        candidate: The rule set to test.
        since: The time from which the candidate decides; earlier decisions stay as recorded.
        processes: The size of the pool; one process per core by default.
        advance: Called with the number of events replayed since the last call.

    Raises:
        DamagedHistoryError: An event cannot be replayed.
        WorkerLostError: A process was killed.
        psycopg.OperationalError: The database cannot be read.
    """
    started = time.perf_counter()
    number = processes or cores()
    tally = Tally()
    with consistent_read(database, idle_timeout_s=0) as connection:  # idle while the processes read
        snapshot = export_snapshot(connection)
        position = last_position(connection)
        parts = slices(connection, number * _SLICES_EACH)
        with _pool(min(number, len(parts))) as pool:
            with _without_interrupts():
                futures = [
                    pool.submit(
                        replay_slice, database, snapshot, part, candidate, since or BEGINNING
                    )
                    for part in parts
                ]
            for future in as_completed(futures):
                replayed = future.result()
                tally.merge(replayed)
                advance(replayed.events)
    seconds = time.perf_counter() - started
    return Result(candidate, since, position, number, seconds, tally)


@contextmanager
def _pool(number: int) -> Iterator[ProcessPoolExecutor]:
    """Provide a pool of new processes, and kill them if the block fails.

    SIGKILL also ends suspended processes, and the processes have nothing to clean up.

    Raises:
        WorkerLostError: A process was killed from outside.
    """
    others = multiprocessing.active_children()
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(number, context, initializer=prepare)
    try:
        yield pool
    except BaseException as error:
        for process in multiprocessing.active_children():
            if process not in others:
                process.kill()
        if isinstance(error, BrokenProcessPool):
            raise WorkerLostError(
                "A backtest process ended.",
                why="It was killed, perhaps because memory ran out.",
                next_step="Try again with fewer --processes if memory is short.",
            ) from None
        raise
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Delay Ctrl-C until the block ends; child processes started in the block never receive SIGINT.

    Child processes inherit the signal mask, which blocks SIGINT. This process also needs a handler:
    if another thread received SIGINT, Python would raise KeyboardInterrupt in the block.
    """
    received: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, _: received.append(number))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        signal.signal(signal.SIGINT, handler)
    if received and handler is not signal.SIG_IGN:
        raise KeyboardInterrupt

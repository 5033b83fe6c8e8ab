"""Backtests all accounts in as many processes as there are cores, each at its own slices."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import cast

from txplatform.backtest.counterfactual import BEGINNING
from txplatform.backtest.slices import Slice, slices
from txplatform.backtest.tally import Tally
from txplatform.backtest.worker import Failure, Message, Task, work
from txplatform.database import Database
from txplatform.domain.rulesets import RuleSet
from txplatform.errors import TxPlatformError
from txplatform.eventstore.log import last_position
from txplatform.eventstore.moment import export_snapshot, moment

_SLICES_EACH = 16
"""Of each process: enough that none is idle for long while the last one is at its last slice."""
_STOP_WITHIN_S = 5


class WorkerLostError(TxPlatformError):
    """A process that replays ended without a word."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a candidate would have changed.

    Attributes:
        since: From when on it decided; None for from the beginning.
        log_position: The newest event's at the moment that was replayed.
    """

    candidate: RuleSet
    since: datetime | None
    log_position: int
    processes: int
    seconds: float
    tally: Tally


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0))


def backtest(
    database: Database,
    candidate: RuleSet,
    since: datetime | None = None,
    *,
    processes: int | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> Result:
    """Replay every account with the candidate in the place of the rule sets that decided.

    Args:
        database: As any role that may read; nothing is written.
        candidate: The rule set to try.
        since: The day from which the candidate decides; what came before is as recorded.
        processes: One a core unless said otherwise.
        advance: Is told how many events more have been replayed.

    Raises:
        DamagedHistoryError: An event cannot be replayed.
        WorkerLostError: A process was killed.
        psycopg.OperationalError: The database cannot be read.
    """
    started = time.perf_counter()
    number = processes or cores()
    with moment(database, idle_timeout_s=0) as connection:  # while the processes read
        snapshot = export_snapshot(connection)
        position = last_position(connection)
        parts = slices(connection, number * _SLICES_EACH)
        task = Task(database, snapshot, candidate, since or BEGINNING)
        with _workers(task, min(number, len(parts))) as workers:
            tally = _hand_out(parts, workers, advance)
    seconds = time.perf_counter() - started
    return Result(candidate, since, position, number, seconds, tally)


def _hand_out(
    parts: list[Slice], workers: list[Connection], advance: Callable[[int], None]
) -> Tally:
    total, waiting = Tally(), parts[::-1]
    busy = set(workers)
    for pipe in workers:
        pipe.send(waiting.pop())
    while busy:
        for ready in wait(list(busy)):
            pipe = cast("Connection", ready)
            match _receive(pipe):
                case int(events):
                    advance(events)
                case Tally() as tally:
                    total.merge(tally)
                    part = waiting.pop() if waiting else None
                    pipe.send(part)
                    if part is None:
                        busy.discard(pipe)
                case Failure(what, why, next_step):
                    raise _failed(what, why, next_step)
    return total


def _receive(pipe: Connection) -> Message:
    try:
        message: Message = pipe.recv()
    except (EOFError, ConnectionResetError):
        raise WorkerLostError(
            "A process of the backtest ended.",
            why="It was killed, perhaps since memory ran out.",
            next_step="Try again, with fewer processes where memory is short.",
        ) from None
    return message


def _failed(what: str, why: str, next_step: str) -> TxPlatformError:
    return TxPlatformError(what, why=why, next_step=next_step)


@contextmanager
def _workers(task: Task, number: int) -> Iterator[list[Connection]]:
    """The processes' pipes; when they are left the processes are gone, however that came."""
    context = multiprocessing.get_context("spawn")
    pipes: list[Connection] = []
    processes: list[SpawnProcess] = []
    try:
        for _ in range(number):
            ours, theirs = context.Pipe()
            pipes.append(ours)
            process = context.Process(target=work, args=(task, theirs), daemon=True)
            with _without_interrupts():
                process.start()
                processes.append(process)
            theirs.close()  # so that its end is seen here
        yield pipes
        for process in processes:
            process.join(_STOP_WITHIN_S)
    finally:
        for process in processes:
            process.kill()  # it has nothing to put in order, and may be stopped
            process.join(_STOP_WITHIN_S)
        for pipe in pipes:
            pipe.close()


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """A process that is started in here never sees Ctrl-C; what comes meanwhile is told at the end.

    Blocking it is for the process, which inherits that. Here another thread may take the signal,
    and the exception would come between two steps that belong together.
    """
    came: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        signal.signal(signal.SIGINT, handler)
    if came and handler is not signal.SIG_IGN:
        raise KeyboardInterrupt

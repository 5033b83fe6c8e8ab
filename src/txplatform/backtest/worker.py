"""One of the processes that replay: takes slices from its pipe until there are no more."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import Connection

import psycopg

from txplatform.backtest.accounts import replay_accounts
from txplatform.backtest.slices import Slice, read_slice
from txplatform.backtest.tally import Tally
from txplatform.database import Database
from txplatform.domain.rulesets import RuleSet
from txplatform.errors import TxPlatformError
from txplatform.eventstore.moment import counted, moment

_GARBAGE_AFTER = 100_000
"""An account leaves no cycles, so there is little to look for, and much to look through."""


@dataclass(frozen=True, slots=True)
class Task:
    """What all processes do alike.

    Attributes:
        snapshot: The moment that all read.
        since: From when on the candidate decides.
    """

    database: Database
    snapshot: str
    candidate: RuleSet
    since: datetime


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a process ended, as an error of ours has it."""

    what: str
    why: str
    next_step: str


Message = int | Tally | Failure
"""Told by a worker: events more, a slice's tally, or why it ends."""


def work(task: Task, pipe: Connection) -> None:
    """Replay the slices that come; None is the last.

    Ctrl-C is not for here (the signal is blocked by who starts us): when the parent ends, its
    side of the pipe is closed, and so does this.
    """
    gc.freeze()
    gc.set_threshold(_GARBAGE_AFTER)
    try:
        _work(task, pipe)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass  # nobody is there any more
    except TxPlatformError as error:
        pipe.send(Failure(error.what, error.why, error.next_step))
    except psycopg.Error as error:
        pipe.send(Failure("The log cannot be read.", str(error), "Try again."))


def _work(task: Task, pipe: Connection) -> None:
    with moment(task.database, task.snapshot, idle_timeout_s=0) as connection:
        while (part := _next(pipe)) is not None:
            tally = Tally()
            rows = counted(read_slice(connection, part), pipe.send)
            replay_accounts(rows, task.candidate, task.since, tally)
            tally.settle()
            pipe.send(tally)


def _next(pipe: Connection) -> Slice | None:
    part: Slice | None = pipe.recv()
    return part

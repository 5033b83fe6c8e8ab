"""The hold expirer: expires holds that are due.

Each pass goes through all holds that are due, the longest overdue first. The read model only lists
candidates: the account decides whether a hold still exists and is due. Business keys are unique, so
a hold cannot expire twice (invariant I3).

The read model may lag and list holds that have been handled already; these are skipped. Any number
of expirers may run: if two expire the same hold, one append conflicts.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import Any

import psycopg
from prometheus_client import CollectorRegistry, Counter, Gauge
from typing_extensions import override

from txplatform.database import REFUSED, Database
from txplatform.database_clock import DatabaseClock
from txplatform.domain.account import DecisionContext
from txplatform.domain.cause import CommandOrigin, PartCause
from txplatform.domain.ids import AccountId, account_of, account_stream
from txplatform.domain.requests import HoldExpiry
from txplatform.eventstore.query import run_queries
from txplatform.following.follower import Follower
from txplatform.processing.pending_command import PendingCommand
from txplatform.processing.snapshots import take_snapshots
from txplatform.processing.unit_of_work import UnitOfWork
from txplatform.projections.due_holds import BEFORE_ALL, DueHold, due_holds
from txplatform.random_ids import random_id
from txplatform.settings import Settings
from txplatform.telemetry import FaultLog, new_traceparent

BATCH_HOLDS = 200
"""The most holds to expire in one commit, since decisions wait for the log's lock meanwhile."""

_PAUSE_S = 1.0
_PAUSE_PER_SECOND_OF_WORK_S = 10.0
"""Limits passes to a tenth of the time, since they grow longer while the projector is down."""

_SIMULATED_PAUSE_S = 0.1
"""The pause if the clock is simulated, since days pass in a second."""

_CAUSE = PartCause("hold expiry")


@dataclass(slots=True)
class _Handled:
    """The holds that the expirer has handled on one connection.

    Attributes:
        expired: The number of holds expired in this pass.
        settled: Handled holds, to be skipped as long as the read model lists them.
        again: Holds whose append conflicted in this pass; the next pass retries them.
        unreadable: Accounts that cannot be read, or whose expiry the database refuses.
    """

    expired: int = 0
    settled: set[DueHold] = field(default_factory=set)
    again: list[DueHold] = field(default_factory=list)
    unreadable: set[AccountId] = field(default_factory=set)


class HoldExpirer(Follower):
    """Expires holds that are due."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        registry: CollectorRegistry,
        batch_holds: int = BATCH_HOLDS,
    ) -> None:
        super().__init__("hold expirer", database, stalled_after_s=settings.stalled_after_s)
        self._batch_holds = batch_holds
        self._snapshot_every = settings.snapshot_every_events
        self._snapshot_faults = FaultLog(self._log, line="snapshots not stored")
        self._clock = DatabaseClock()
        self._holds_expired = 0
        self._expired = Counter(
            "txplatform_holds_expired",
            "Holds that this process has expired.",
            registry=registry,
        )
        self._overdue = Gauge(
            "txplatform_hold_expiry_lag_seconds",
            "The time since the oldest open hold was due; 0 if no open hold is due.",
            registry=registry,
        )

    @override
    def follow(self, connection: psycopg.Connection) -> Generator[float, None, None]:
        handled = _Handled()
        while True:
            began = monotonic()
            yield from self._pass(connection, handled)
            self._report(handled.unreadable)
            took_s = monotonic() - began
            least_s = _SIMULATED_PAUSE_S if self._clock.simulated else _PAUSE_S
            yield 0 if handled.expired else max(least_s, _PAUSE_PER_SECOND_OF_WORK_S * took_s)

    @override
    def figures(self) -> dict[str, Any]:
        return {"overdue_s": self.oldest_s}

    def _pass(
        self, connection: psycopg.Connection, handled: _Handled
    ) -> Generator[float, None, None]:
        handled.expired, handled.again = 0, []
        seen: set[DueHold] = set()
        self._clock.measure(connection)
        now, after = self._clock.now(), BEFORE_ALL
        while due := due_holds(connection, now, limit=self._batch_holds, after=after):
            after = due[-1]
            holds = [hold for hold in due if hold not in handled.settled]
            self._show_overdue(now, [*handled.again, *holds])
            if holds:
                self._expire(connection, holds, now, handled)
            seen.update(due)
            handled.settled.update(set(holds).difference(handled.again))
            yield 0
        self._show_overdue(now, handled.again)
        handled.settled &= seen

    def _expire(
        self,
        connection: psycopg.Connection,
        holds: Sequence[DueHold],
        now: datetime,
        handled: _Handled,
    ) -> None:
        try:
            work, again = _expire_holds(connection, holds, now)
        except REFUSED as error:
            if len(holds) > 1:
                middle = len(holds) // 2
                self._expire(connection, holds[:middle], now, handled)
                self._expire(connection, holds[middle:], now, handled)
                return
            work, again = UnitOfWork(), []
            work.fail(account_stream(holds[0].account_id), error)
        for stream, why in work.failed.items():
            account_id = account_of(stream)
            handled.unreadable.add(account_id)
            self._log.error(
                "account cannot be decided on, its holds remain", account=account_id, exc_info=why
            )
        self._expired.inc(len(work.events))
        self._holds_expired += len(work.events)
        if work.events:
            self._log.info("holds expired", holds=len(work.events))
        take_snapshots(
            connection,
            work.accounts,
            work.events,
            every=self._snapshot_every,
            faults=self._snapshot_faults,
        )
        handled.expired += len(work.events)
        handled.again += again

    def _show_overdue(self, now: datetime, holds: Sequence[DueHold]) -> None:
        overdue_s = (now - holds[0].expires_at).total_seconds() if holds else 0.0
        self.note_wait(overdue_s, progress=self._holds_expired)
        self._overdue.set(overdue_s)

    def _report(self, unreadable: set[AccountId]) -> None:
        if unreadable:
            count, first = len(unreadable), min(unreadable)
            self.report(
                f"{count} accounts cannot be decided on, run `txplatform verify`; one is {first}",
                ready=False,
            )
        else:
            self.report("expires holds on time")


def _expire_holds(
    connection: psycopg.Connection, holds: Sequence[DueHold], now: datetime
) -> tuple[UnitOfWork, list[DueHold]]:
    """Expire the holds that still exist, all in one append.

    Accounts that cannot be read are left out.

    Returns:
        The unit of work, and the holds on accounts that conflicted.
    """
    work = UnitOfWork()
    origin = CommandOrigin(_CAUSE, new_traceparent())
    context = DecisionContext(now, random_id, origin)
    commands = [
        PendingCommand(HoldExpiry(hold.account_id, hold.transaction_id), origin) for hold in holds
    ]
    for command in commands:
        work.include(command)
    run_queries(connection, work.load())
    for command in commands:
        try:
            work.attempt(command, context)  # rejected if the hold has already ended
        except Exception as error:  # noqa: BLE001  # fails the account, no other
            work.fail(command.stream, error)
    run_queries(connection, work.append())
    pairs = zip(holds, commands, strict=True)
    return work, [hold for hold, command in pairs if command.stream in work.conflicts]

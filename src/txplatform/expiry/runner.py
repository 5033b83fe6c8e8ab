"""The hold expirer: ends holds when their time has come.

It goes through all holds that are due, those overdue longest first, again and again. It skips the
holds that it has handled, though the read model still lists them, so they do not block later ones.
Any number may run: if two end the same hold, one of them conflicts and finds it done.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import Any

import psycopg
from prometheus_client import CollectorRegistry, Counter, Gauge

from txplatform.database import Database
from txplatform.domain.ids import AccountId
from txplatform.errors import TxPlatformError
from txplatform.expiry.expiring import expire
from txplatform.following.follower import Follower
from txplatform.processing.snapshots import take_snapshots
from txplatform.projections.open_holds import BEFORE_ALL, DueHold, due_holds
from txplatform.settings import Settings

BATCH_HOLDS = 200
"""Holds ended in one commit, at most: decisions wait for the log's lock no longer than that."""

_PAUSE_S = 1.0
_PAUSE_PER_SECOND_OF_WORK_S = 10.0
"""If the projector is down, ever more rows are gone over: that costs a tenth of the time."""

_UNREADABLE = (TxPlatformError, ValueError, TypeError, LookupError, AttributeError)
"""Raised when an account is read whose events were altered."""


@dataclass(slots=True)
class _Handled:
    """What one connection has done so far.

    Attributes:
        expired: How many holds this pass has ended.
        settled: Holds that need no second look while the read model still lists them.
        again: Holds of this pass whose accounts changed meanwhile; the next pass looks again.
        unreadable: Accounts that cannot be read.
    """

    expired: int = 0
    settled: set[DueHold] = field(default_factory=set)
    again: list[DueHold] = field(default_factory=list)
    unreadable: set[AccountId] = field(default_factory=set)


class HoldExpirer(Follower):
    """The part of a worker that ends holds."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        registry: CollectorRegistry,
        batch_holds: int = BATCH_HOLDS,
    ) -> None:
        super().__init__("hold expirer", database)
        self._batch_holds = batch_holds
        self._snapshot_every = settings.snapshot_every_events
        self._overdue_s = 0.0
        self._expired = Counter(
            "txplatform_holds_expired",
            "Holds that this process has ended because their time had come.",
            registry=registry,
        )
        self._overdue = Gauge(
            "txplatform_hold_expiry_lag_seconds",
            "For how long the oldest hold that is due has been so; 0 where none is.",
            registry=registry,
        )

    def follow(self, connection: psycopg.Connection) -> Generator[float, None, None]:
        """Make one pass after another over all holds that are due."""
        handled = _Handled()
        while True:
            began = monotonic()
            yield from self._pass(connection, handled)
            self._report(handled.unreadable)
            took_s = monotonic() - began
            yield 0 if handled.expired else max(_PAUSE_S, _PAUSE_PER_SECOND_OF_WORK_S * took_s)

    def figures(self) -> dict[str, Any]:
        """Return for how long the oldest hold has been due."""
        return {"overdue_s": self._overdue_s}

    def _pass(
        self, connection: psycopg.Connection, handled: _Handled
    ) -> Generator[float, None, None]:
        """Go once through everything that is due, batch by batch."""
        handled.expired, handled.again = 0, []
        seen: set[DueHold] = set()
        now, after = datetime.now(UTC), BEFORE_ALL
        while (due := due_holds(connection, limit=self._batch_holds, after=after)) is not None:
            now, after = due.now, due.holds[-1]
            holds = [hold for hold in due.holds if hold not in handled.settled]
            self._show_overdue(now, [*handled.again, *holds])
            if holds:
                self._expire(connection, holds, now, handled)
            seen.update(due.holds)
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
        """End these holds in one commit, and note which of them ended."""
        try:
            expiry = expire(connection, holds, now)
        except _UNREADABLE:
            self._expire_apart(connection, holds, now, handled)
            return
        self._expired.inc(len(expiry.events))
        if expiry.events:
            self._log.info("holds expired", holds=len(expiry.events))
        take_snapshots(connection, expiry.accounts, expiry.events, every=self._snapshot_every)
        handled.expired += len(expiry.events)
        handled.again += expiry.left

    def _expire_apart(
        self,
        connection: psycopg.Connection,
        holds: Sequence[DueHold],
        now: datetime,
        handled: _Handled,
    ) -> None:
        """End the holds account by account, so that an unreadable account holds up no other."""
        by_account: dict[AccountId, list[DueHold]] = {}
        for hold in holds:
            by_account.setdefault(hold.account_id, []).append(hold)
        if len(by_account) == 1:
            (account_id,) = by_account
            handled.unreadable.add(account_id)
            self._log.exception("account cannot be read, its holds stay", account=account_id)
            return
        for of_account in by_account.values():
            self._expire(connection, of_account, now, handled)

    def _show_overdue(self, now: datetime, holds: Sequence[DueHold]) -> None:
        self._overdue_s = (now - holds[0].expires_at).total_seconds() if holds else 0.0
        self._overdue.set(self._overdue_s)

    def _report(self, unreadable: set[AccountId]) -> None:
        if unreadable:
            count, first = len(unreadable), min(unreadable)
            self.report(
                f"{count} accounts cannot be read, run `txplatform verify`; one is {first}",
                ready=False,
            )
        else:
            self.report("ends holds in time")

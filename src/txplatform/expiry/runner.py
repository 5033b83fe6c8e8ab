"""The hold expirer: ends holds when their time has come, for as long as it runs.

It goes through all that are due, those overdue longest first, again and again. What it has come to
terms with it does not look at again, though the read model lags: nothing stands in the way of
what is behind it. Any number may run: where two end the same hold, one of them clashes and finds
it done.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from time import monotonic

import psycopg
from prometheus_client import CollectorRegistry, Counter, Gauge

from txplatform.database import PASSING_FAULTS, Database
from txplatform.domain.ids import AccountId
from txplatform.errors import TxPlatformError
from txplatform.expiry.expiring import expire
from txplatform.processing.snapshots import take_snapshots
from txplatform.projections.open_holds import BEFORE_ALL, DueHold, due_holds
from txplatform.settings import Settings
from txplatform.telemetry import logger
from txplatform.worker import Health

BATCH_HOLDS = 200
"""Holds ended in one commit, at most: decisions wait for the log's lock no longer than that."""

_PAUSE_S = 1.0
_PAUSE_PER_SECOND_OF_WORK_S = 10.0
"""A projector that is down leaves ever more rows to go over: that costs a tenth of the time."""

_FIRST_BACKOFF_S = 0.1
_LONGEST_BACKOFF_S = 5.0

_UNREADABLE = (TxPlatformError, ValueError, TypeError, LookupError, AttributeError)
"""What reading an account raises whose events were altered."""


class HoldExpirer:
    """The part of a worker that ends holds."""

    name = "hold expirer"

    def __init__(
        self,
        settings: Settings,
        database: Database,
        registry: CollectorRegistry,
        batch_holds: int = BATCH_HOLDS,
    ) -> None:
        self._database = database
        self._batch_holds = batch_holds
        self._snapshot_every = settings.snapshot_every_events
        self._backoff_s = _FIRST_BACKOFF_S
        self._settled: set[DueHold] = set()
        self._unreadable: set[AccountId] = set()
        self._overdue_s = 0.0
        self._health = Health(ready=False, detail="has not begun")
        self._log = logger(self.name)
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

    def health(self) -> Health:
        """Ready while holds are ended in time."""
        return self._health

    def run(self, stop: threading.Event) -> None:
        """End holds until told to stop; database faults are waited out."""
        while not stop.is_set():
            try:
                with self._database.connect() as connection:
                    self._sweep(connection, stop)
            except PASSING_FAULTS as error:
                self._log.warning("database cannot be used, will retry", error=str(error).strip())
                self._back_off(error, stop)
            except (psycopg.Error, TxPlatformError) as error:
                self._log.exception("cannot go on, will retry")
                self._back_off(error, stop)

    def _back_off(self, error: Exception, stop: threading.Event) -> None:
        # Another server may have taken over, without the last commits of the one before it.
        self._settled.clear()
        self._unreadable.clear()
        self._health = Health(ready=False, detail=f"waits for a fault to pass: {error}")
        stop.wait(self._backoff_s)
        self._backoff_s = min(2 * self._backoff_s, _LONGEST_BACKOFF_S)

    def _sweep(self, connection: psycopg.Connection, stop: threading.Event) -> None:
        while not stop.is_set():
            began = monotonic()
            expired = self._pass(connection, stop)
            self._backoff_s = _FIRST_BACKOFF_S
            self._tell_health()
            if not expired:
                took_s = monotonic() - began
                stop.wait(max(_PAUSE_S, _PAUSE_PER_SECOND_OF_WORK_S * took_s))

    def _pass(self, connection: psycopg.Connection, stop: threading.Event) -> int:
        """Go once through everything that is due; gives how many holds were ended."""
        expired = 0
        seen: set[DueHold] = set()
        left: list[DueHold] = []
        now, after = datetime.now(UTC), BEFORE_ALL
        while not stop.is_set():
            due = due_holds(connection, limit=self._batch_holds, after=after)
            if due is None:
                break
            now, after = due.now, due.holds[-1]
            holds = [hold for hold in due.holds if hold not in self._settled]
            self._show_overdue(now, [*left, *holds])
            ended, again = self._expire(connection, holds, now) if holds else (0, [])
            expired += ended
            left += again
            seen.update(due.holds)
            self._settled.update(set(holds).difference(again))
        self._show_overdue(now, left)
        self._settled &= seen
        return expired

    def _expire(
        self, connection: psycopg.Connection, holds: Sequence[DueHold], now: datetime
    ) -> tuple[int, list[DueHold]]:
        """End these; gives how many were, and those to look at again."""
        try:
            expiry = expire(connection, holds, now)
        except _UNREADABLE:
            return self._expire_apart(connection, holds, now)
        self._expired.inc(len(expiry.events))
        if expiry.events:
            self._log.info("holds expired", holds=len(expiry.events))
        take_snapshots(connection, expiry.accounts, expiry.events, every=self._snapshot_every)
        return len(expiry.events), expiry.left

    def _expire_apart(
        self, connection: psycopg.Connection, holds: Sequence[DueHold], now: datetime
    ) -> tuple[int, list[DueHold]]:
        """End them account by account, so that one that cannot be read holds up no other."""
        by_account: dict[AccountId, list[DueHold]] = {}
        for hold in holds:
            by_account.setdefault(hold.account_id, []).append(hold)
        if len(by_account) == 1:
            (account_id,) = by_account
            self._unreadable.add(account_id)
            self._log.exception("account cannot be read, its holds stay", account=account_id)
            return 0, []
        results = [self._expire(connection, each, now) for each in by_account.values()]
        return sum(ended for ended, _ in results), [hold for _, again in results for hold in again]

    def _show_overdue(self, now: datetime, holds: Sequence[DueHold]) -> None:
        self._overdue_s = (now - holds[0].expires_at).total_seconds() if holds else 0.0
        self._overdue.set(self._overdue_s)

    def _tell_health(self) -> None:
        facts = {"overdue_s": self._overdue_s}
        if self._unreadable:
            count, first = len(self._unreadable), min(self._unreadable)
            detail = f"{count} accounts cannot be read, run `txplatform verify`; one is {first}"
            self._health = Health(ready=False, detail=detail, facts=facts)
        else:
            self._health = Health(ready=True, detail="ends holds in time", facts=facts)

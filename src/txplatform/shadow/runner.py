"""The part of a worker that lets shadowed rule sets decide along.

Any number may run: one judges at a time, the others stand by. What was counted and how far it
came are one commit.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import psycopg
from prometheus_client import CollectorRegistry, Counter, Gauge

from txplatform.database import Database
from txplatform.domain.account import Account
from txplatform.domain.ids import account_of
from txplatform.domain.rulesets import RuleSet
from txplatform.errors import TxPlatformError
from txplatform.eventstore.log import last_position, read_log
from txplatform.eventstore.query import run
from txplatform.eventstore.statements import LoggedEvent
from txplatform.processing.account_cache import AccountCache
from txplatform.processing.unit_of_work import UnitOfWork
from txplatform.rulebook.book import RuleBook, Shadowing
from txplatform.rulebook.store import read_book
from txplatform.settings import Settings
from txplatform.shadow import store
from txplatform.shadow.judging import Judged, judge_events
from txplatform.telemetry import logger
from txplatform.worker import Health

_BATCH_EVENTS = 1000
_IDLE_S = 0.5
"""How long a shadowing that was started may go unnoticed, too."""
_FIRST_BACKOFF_S = 0.1
_LONGEST_BACKOFF_S = 5.0


class Shadower:
    """Judges what is decided by the shadowed rule set, a moment later."""

    name = "shadower"

    def __init__(self, settings: Settings, database: Database, registry: CollectorRegistry) -> None:
        self._database = database
        self._cache = AccountCache(settings.account_cache_size)
        self._health = Health(ready=False, detail="has not begun")
        self._log = logger(self.name)
        self._decisions = Counter(
            "txplatform_shadow_decisions",
            "Decisions held against a shadowed rule set by this process.",
            ["ruleset", "outcome"],
            registry=registry,
        )
        self._lag = Gauge(
            "txplatform_shadow_lag_positions",
            "Log positions that the shadowed rule set has not judged yet.",
            registry=registry,
        )

    def health(self) -> Health:
        """Ready while it follows, and where there is nothing to follow."""
        return self._health

    def run(self, stop: threading.Event) -> None:
        """Follow the log until told to stop; faults are waited out."""
        backoff_s = _FIRST_BACKOFF_S
        while not stop.is_set():
            try:
                with self._database.connect() as connection:
                    while not stop.is_set():
                        if not self.advance(connection):
                            stop.wait(_IDLE_S)
                        backoff_s = _FIRST_BACKOFF_S
            except (psycopg.Error, TxPlatformError) as error:
                self._cache.clear()
                self._log.warning("cannot go on, will retry", error=str(error).strip())
                self._health = Health(ready=False, detail=str(error).strip())
                stop.wait(backoff_s)
                backoff_s = min(2 * backoff_s, _LONGEST_BACKOFF_S)

    def advance(self, connection: psycopg.Connection) -> bool:
        """Judge the next stretch of the log; gives whether more is there to judge at once."""
        book = read_book(connection)
        end = last_position(connection)
        shadowing = _unfinished(connection, book)
        if shadowing is None:
            self._lag.set(0)
            self._health = Health(ready=True, detail="no rule set is shadowed")
            return False
        candidate = book.rulesets[shadowing.ruleset_id].read()
        position = self._judge(connection, shadowing, candidate)
        if position is None:
            self._health = Health(ready=True, detail="stands by: another process judges")
            return False
        lag = max(0, end - position)
        self._lag.set(lag)
        self._health = Health(
            ready=True,
            detail=f"{shadowing.ruleset_id} decides along",
            facts={"shadowing": shadowing.shadowing_id, "position": position, "lag": lag},
        )
        return lag > 0

    def _judge(
        self, connection: psycopg.Connection, shadowing: Shadowing, candidate: RuleSet
    ) -> int | None:
        """Judge one batch in one commit; gives the position reached, None while others judge."""
        with connection.transaction():
            store.begin(connection, shadowing.shadowing_id, candidate.id, shadowing.after_position)
            before = store.lock_position(connection, shadowing.shadowing_id)
            if before is None:
                return None
            until = shadowing.until_position
            events = [
                logged
                for logged in read_log(connection, before, _BATCH_EVENTS)
                if until is None or logged.position <= until
            ]
            if not events:
                return before
            accounts = self._accounts(connection, events)
            judged = judge_events(events, accounts, candidate)
            position = events[-1].position
            store.record(connection, shadowing.shadowing_id, position, judged)
        self._cache.keep(accounts.values())
        self._count(candidate.id, judged)
        return position

    def _accounts(
        self, connection: psycopg.Connection, events: Sequence[LoggedEvent]
    ) -> dict[str, Account]:
        """Each account of these events as it was before the first of them."""
        work = UnitOfWork()
        missing: dict[str, int] = {}
        for logged in events:
            stream, before = logged.event.originator_id, logged.event.originator_version - 1
            if stream in work.accounts or stream in missing:
                continue
            account = self._cache.take(stream)
            if account is not None and account.version == before:
                work.accounts[stream] = account
            elif before == 0:
                work.accounts[stream] = Account.unopened(account_of(stream))
            else:
                missing[stream] = before
        run(connection, work.read_at(missing))
        return work.accounts

    def _count(self, ruleset_id: str, judged: Sequence[Judged]) -> None:
        for each in judged:
            if not each.disagrees:
                outcome = "agrees"
            else:
                outcome = "would_decline" if each.approved else "would_approve"
            self._decisions.labels(ruleset_id, outcome).inc()


def _unfinished(connection: psycopg.Connection, book: RuleBook) -> Shadowing | None:
    """The oldest shadowing that has something left to judge, or may have."""
    progress = store.read_progress(connection)
    for shadowing in book.shadowings.values():
        reached = progress.get(shadowing.shadowing_id)
        position = shadowing.after_position if reached is None else reached.position
        if shadowing.until_position is None or position < shadowing.until_position:
            return shadowing
    return None

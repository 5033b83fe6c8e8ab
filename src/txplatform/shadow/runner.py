"""The part of a worker that runs shadow evaluations.

Any number of workers may run this part: one evaluates decisions while the others stand by. Counts
and checkpoint are committed together.
"""

from collections.abc import Generator, Sequence
from typing import Any

import psycopg
from prometheus_client import CollectorRegistry, Counter, Gauge

from txplatform.database import REFUSED, Database, describe_refusal
from txplatform.domain.account import Account
from txplatform.domain.ids import account_of
from txplatform.domain.rulesets import RuleSet
from txplatform.eventstore.log import last_position, read_log
from txplatform.eventstore.query import run_queries
from txplatform.eventstore.statements import LoggedEvent
from txplatform.following.follower import Follower
from txplatform.processing.account_cache import AccountCache
from txplatform.processing.unit_of_work import UnitOfWork
from txplatform.rulebook.book import RuleBook, Shadowing
from txplatform.rulebook.store import read_book
from txplatform.settings import Settings
from txplatform.shadow import store
from txplatform.shadow.judging import JudgedDecision, judge_events

_IDLE_S = 0.5
"""The pause when there is no work; a new shadow evaluation starts within this time."""


class Shadower(Follower):
    """Re-evaluates decisions with a candidate rule set, shortly after they are recorded."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        registry: CollectorRegistry,
        batch_events: int = 1000,
    ) -> None:
        super().__init__("shadower", database, stalled_after_s=settings.stalled_after_s)
        self._batch_events = batch_events
        self._cache = AccountCache(settings.account_cache_size)
        self._figures: dict[str, Any] = {}
        self._decisions = Counter(
            "txplatform_shadow_decisions",
            "Recorded decisions that this process evaluated by a shadowed rule set.",
            ["ruleset", "outcome"],
            registry=registry,
        )
        self._lag = Gauge(
            "txplatform_shadow_lag_positions",
            "Log positions that the shadow evaluation has not read yet.",
            registry=registry,
        )

        self._oldest = Gauge(
            "txplatform_shadow_oldest_seconds",
            "The time for which the oldest event that is not evaluated has waited.",
            registry=registry,
        )

    def follow(self, connection: psycopg.Connection) -> Generator[float, None, None]:
        self._cache.clear()
        while True:
            more = self.advance(connection)
            yield 0 if more else _IDLE_S

    def figures(self) -> dict[str, Any]:
        """Return the id, position and lag of the shadow evaluation; empty if none runs."""
        return self._figures

    def advance(self, connection: psycopg.Connection) -> bool:
        """Evaluate the next batch; return True if more events are waiting."""
        book = read_book(connection)
        end = last_position(connection)
        shadowing = _unfinished(connection, book)
        if shadowing is None:
            self.note_wait(0, progress=None)
        else:
            self.watch(connection, store.checkpoint_of(shadowing.shadowing_id))
        self._oldest.set(self.oldest_s)
        if shadowing is None:
            self._lag.set(0)
            self._figures = {}
            self.report("no rule set is shadowed")
            return False
        candidate = book.rulesets[shadowing.ruleset_id].read()
        position = self._judge(connection, shadowing, candidate, self._batch_events)
        if position is None:
            self._figures = {}
            self.report("stands by: another process evaluates")
            return False
        lag = max(0, end - position)
        self._lag.set(lag)
        self._figures = {"shadowing": shadowing.shadowing_id, "position": position, "lag": lag}
        self.report(f"{shadowing.ruleset_id} is evaluated in shadow")
        return lag > 0

    def _judge(
        self, connection: psycopg.Connection, shadowing: Shadowing, candidate: RuleSet, limit: int
    ) -> int | None:
        """Evaluate up to `limit` events; a decision that the database refuses is left out alone."""
        shadowing_id = shadowing.shadowing_id
        store.begin(connection, shadowing_id, candidate.id, shadowing.after_position)
        checkpoint = store.checkpoint_of(shadowing_id)
        with connection.transaction():
            before = checkpoint.try_to_lock(connection)
            if before is None:
                return None
            events = read_log(connection, before, limit)
            if (until := shadowing.until_position) is not None:
                events = [logged for logged in events if logged.position <= until]
            if not events:
                return before
            accounts = self._accounts(connection, events)
            judged = judge_events(events, accounts, candidate)
            try:
                with connection.transaction():
                    store.record(connection, shadowing_id, judged)
            except REFUSED as error:
                if len(events) > 1:
                    return self._judge(connection, shadowing, candidate, len(events) // 2)
                self._log.error(
                    "disagreement not stored",
                    log_position=events[0].position,
                    why=describe_refusal(error),
                )
            checkpoint.move(connection, before=before, to=events[-1].position)
        self._cache.keep(accounts.values())
        self._count(candidate.id, judged)
        return events[-1].position

    def _accounts(
        self, connection: psycopg.Connection, events: Sequence[LoggedEvent]
    ) -> dict[str, Account]:
        """Return the accounts by stream, each in its state before its first event in `events`."""
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
        run_queries(connection, work.read_at(missing))
        streams = {logged.event.originator_id for logged in events}
        return {stream: work.account(stream) for stream in streams}

    def _count(self, ruleset_id: str, judged: Sequence[JudgedDecision]) -> None:
        for each in judged:
            if not each.disagrees:
                outcome = "agrees"
            else:
                outcome = "would_decline" if each.approved else "would_approve"
            self._decisions.labels(ruleset_id, outcome).inc()


def _unfinished(connection: psycopg.Connection, book: RuleBook) -> Shadowing | None:
    """Return the oldest shadow evaluation that is running or has events left to read, or None."""
    progress = store.read_progress(connection)
    for shadowing in book.shadowings.values():
        reached = progress.get(shadowing.shadowing_id)
        position = shadowing.after_position if reached is None else reached.position
        if shadowing.until_position is None or position < shadowing.until_position:
            return shadowing
    return None

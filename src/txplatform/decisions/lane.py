"""One lane: takes all requests that wait, decides them together, commits once, responds to all.

A lost connection leaves open whether its commit happened. That is settled by deciding and
appending again under the same keys: an append waits for the log's lock, hence for whatever the
server process of the lost connection was still doing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from logging import DEBUG
from time import perf_counter

import psycopg

from txplatform.database import PASSING_FAULTS, Database
from txplatform.decisions.errors import QueueFullError
from txplatform.decisions.metrics import DecisionMetrics
from txplatform.decisions.request import AnyRequest
from txplatform.decisions.snapshot_writer import SnapshotWriter
from txplatform.domain.rulesets import RuleSet, RulesNotUnderstoodError
from txplatform.eventstore.query import run_queries_async
from txplatform.eventstore.snapshot import account_state
from txplatform.processing.account_cache import AccountCache
from txplatform.processing.unit_of_work import UnitOfWork
from txplatform.rulebook.in_force import RulesInForce
from txplatform.telemetry import correlation_id, logger

_TRANSIENT = (*PASSING_FAULTS, TimeoutError)
_RETRY_FIRST_S = 0.02
_RETRY_MOST_S = 0.5


@dataclass(frozen=True, slots=True)
class LaneLimits:
    """How much a lane takes on.

    Attributes:
        batch_size: Requests in one commit, at most.
        queue_size: Requests that may wait.
        timeout_s: How long a request is attempted and a lost commit is settled.
    """

    batch_size: int
    queue_size: int
    timeout_s: float


class Lane:
    """Decides the requests of its accounts, one batch at a time."""

    def __init__(  # noqa: PLR0913  # what one process's lanes share
        self,
        database: Database,
        cache: AccountCache,
        limits: LaneLimits,
        rules: RulesInForce,
        snapshots: SnapshotWriter,
        metrics: DecisionMetrics,
    ) -> None:
        self._database = database
        self._rules = rules
        self._cache = cache
        self._limits = limits
        self._snapshots = snapshots
        self._metrics = metrics
        self._queue: deque[AnyRequest] = deque()
        self._wake = asyncio.Event()
        self._stopping = False
        self._cursor: psycopg.AsyncCursor | None = None
        self._log = logger("decisions")
        self._logs_events = self._log.is_enabled_for(DEBUG)

    @property
    def queued(self) -> int:
        """Requests that wait."""
        return len(self._queue)

    def enqueue(self, request: AnyRequest) -> None:
        """Queue a request; its response is set when it is durable.

        Raises:
            QueueFullError: Too many wait, or the lane is stopping.
        """
        if self._stopping or len(self._queue) >= self._limits.queue_size:
            self._metrics.refused += 1
            raise QueueFullError
        self._queue.append(request)
        self._wake.set()

    def stop(self) -> None:
        """Take nothing more; `run` returns when what was taken has its response."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Work until stopped and empty."""
        while self._queue or not self._stopping:
            if not self._queue:
                self._wake.clear()
                await self._wake.wait()
                continue
            size = min(len(self._queue), self._limits.batch_size)
            await self._run_batch([self._queue.popleft() for _ in range(size)])
        await self._disconnect()

    async def _run_batch(self, batch: list[AnyRequest]) -> None:
        """Respond to every request of a batch, whatever it takes until its deadline.

        Those with a conflict go again, first in the next batch, but no longer than their callers
        were promised.
        """
        retry_s = _RETRY_FIRST_S
        while batch:
            try:
                async with asyncio.timeout(self._limits.timeout_s):
                    again = await self._commit(batch)
                batch = []
                again = _in_time(again, TimeoutError("others were faster each time"))
                self._queue.extendleft(reversed(again))
            except _TRANSIENT as error:
                self._log.warning("event store failed", error=str(error), requests=len(batch))
                await self._start_over(batch)
                batch = _in_time(batch, error)
                if batch:
                    await asyncio.sleep(retry_s)
                retry_s = min(2 * retry_s, _RETRY_MOST_S)
            except Exception as error:  # noqa: BLE001  # every request gets a response
                await self._start_over(batch)
                if len(batch) == 1:
                    self._log.exception("request failed", stream=batch[0].stream)
                    batch[0].fail(error)
                    return
                # One of them is at fault: the others are not to suffer for it.
                for request in batch:
                    await self._run_batch([request])
                return

    async def _commit(self, batch: Sequence[AnyRequest]) -> list[AnyRequest]:
        """Attempt a batch in one commit; return the requests that have to be attempted again."""
        started = perf_counter()
        cursor = await self._connected()
        rules = await self._rules.current(cursor.connection)
        work = UnitOfWork(self._cache)
        for request in batch:
            request.join(work)
        await run_queries_async(cursor, work.load())
        done, again = self._perform_all(batch, work, rules)
        await run_queries_async(cursor, work.append())
        work.cache_accounts()
        settled = []
        for request in done:
            if request.stream in work.conflicts:
                again.append(request)
            else:
                request.settle()
                settled.append(request)
        busy_s = perf_counter() - started
        self._metrics.count_batch(len(batch), len(work.conflicts), busy_s, settled)
        for request in again:
            request.attempt_again()
        self._snapshots.offer(work.accounts, work.events)
        if self._logs_events:
            self._log_events(work)
        return again

    def _perform_all(
        self,
        batch: Iterable[AnyRequest],
        work: UnitOfWork,
        rules: RuleSet | RulesNotUnderstoodError,
    ) -> tuple[list[AnyRequest], list[AnyRequest]]:
        """Execute each request; return those that are done, and those to attempt again.

        The latter are those that need more than was read, and those whose account was spoilt by
        a defect.
        """
        spoilt: set[str] = set()
        done: list[AnyRequest] = []
        again: list[AnyRequest] = []
        for request in batch:
            if request.stream in spoilt:
                done.append(request)  # goes again in its place, see below
                continue
            try:
                is_done = request.perform(work, rules)
            except Exception as error:  # noqa: BLE001  # a defect: this request's caller is told
                self._log.exception("decision failed", stream=request.stream)
                spoilt.add(request.stream)
                work.discard(request.stream)
                request.fail(error)
            else:
                (done if is_done else again).append(request)
        if spoilt:
            again += [request for request in done if request.stream in spoilt]
            done = [request for request in done if request.stream not in spoilt]
        return done, again

    def _log_events(self, work: UnitOfWork) -> None:
        for event in work.events:
            account = work.accounts[event.originator_id]
            self._log.debug(
                "event recorded",
                event_type=event.TOPIC,
                event_id=event.event_id,
                correlation_id=correlation_id(event.traceparent),
                version=event.originator_version,
                account=account.account_id,
                state=account_state(account),
            )

    async def _start_over(self, batch: Iterable[AnyRequest]) -> None:
        """Forget connection, cache and rules: what the log holds is not known any more."""
        self._metrics.batches_failed += 1
        for request in batch:
            request.doubt()
            request.attempt_again()
        self._cache.clear()
        self._rules.forget()
        await self._disconnect()

    async def _connected(self) -> psycopg.AsyncCursor:
        if self._cursor is None:
            connection = await self._database.connect_async()
            self._cursor = connection.cursor(binary=True)
        return self._cursor

    async def _disconnect(self) -> None:
        cursor, self._cursor = self._cursor, None
        if cursor is not None:
            await cursor.connection.close()


def _in_time(batch: Iterable[AnyRequest], cause: Exception) -> list[AnyRequest]:
    """Expire the requests whose deadline has passed; return the others."""
    now = asyncio.get_running_loop().time()
    in_time = []
    for request in batch:
        if now < request.deadline:
            in_time.append(request)
        else:
            request.expire(cause)
    return in_time

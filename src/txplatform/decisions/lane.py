"""A lane decides its waiting requests as a batch, in one commit, and then responds to all of them.

If the connection is lost during a commit, the commit may or may not have succeeded. To find out,
the lane decides the batch again and appends its events under the same keys. The second append waits
for the log's lock, which the server releases only after it has finished the first transaction.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from logging import DEBUG
from time import perf_counter
from typing import Any

import psycopg

from txplatform.database import PASSING_FAULTS, REFUSED, Database
from txplatform.database_clock import DatabaseClock
from txplatform.decisions.appender import Appender
from txplatform.decisions.errors import QueueFullError
from txplatform.decisions.metrics import DecisionMetrics
from txplatform.decisions.progress import Progress
from txplatform.decisions.request import LaneRequest
from txplatform.decisions.snapshot_writer import SnapshotWriter
from txplatform.domain.rulesets import RuleSet, RulesNotUnderstoodError
from txplatform.eventstore.query import run_queries_async
from txplatform.eventstore.snapshot import account_state
from txplatform.processing.account_cache import AccountCache
from txplatform.processing.unit_of_work import UnitOfWork
from txplatform.rulebook.in_force import RulesInForce
from txplatform.settings import Settings
from txplatform.telemetry import FaultLog, correlation_id, logger

_GATHER_S = 0.0003
"""The longest time to wait for more requests before a batch."""
_RETRY_FIRST_S = 0.02
_RETRY_MOST_S = 0.5


class Lane:
    """Decides the requests for its accounts, one batch at a time.

    Attributes:
        progress: Whether the appends of this lane succeed.
    """

    def __init__(  # noqa: PLR0913  # what one process's lanes share
        self,
        settings: Settings,
        database: Database,
        cache: AccountCache,
        rules: RulesInForce,
        clock: DatabaseClock,
        snapshots: SnapshotWriter,
        metrics: DecisionMetrics,
    ) -> None:
        self.progress = Progress()
        self._database = database
        self._rules = rules
        self._clock = clock
        self._cache = cache
        self._batch_size = settings.decision_batch_size
        self._queue_size = -(-settings.decision_queue_size // settings.decision_lanes)
        self._timeout_s = settings.decision_timeout_s
        self._snapshots = snapshots
        self._metrics = metrics
        self._queue: deque[LaneRequest[Any]] = deque()
        self._wake = asyncio.Event()
        self._stopping = False
        self._session: tuple[psycopg.AsyncCursor, Appender] | None = None
        self._log = logger("decisions")
        self._faults = FaultLog(self._log)
        self._logs_events = self._log.is_enabled_for(DEBUG)

    @property
    def queued(self) -> int:
        """The number of waiting requests."""
        return len(self._queue)

    def enqueue(self, request: LaneRequest[Any]) -> None:
        """Queue a request; the response is set when the request's batch has been committed.

        Raises:
            QueueFullError: Too many requests are waiting, or the lane is stopping.
        """
        if self._stopping or len(self._queue) >= self._queue_size:
            self._metrics.refused += 1
            raise QueueFullError
        self._queue.append(request)
        self._wake.set()

    def stop(self) -> None:
        """Refuse new requests; `run` returns when all queued requests have responses."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Run batches until the lane is stopped and its queue is empty."""
        last_size = 0
        while self._queue or not self._stopping:
            if not self._queue:
                self._wake.clear()
                await self._wake.wait()
                continue
            await self._gather(most=last_size)
            last_size = size = min(len(self._queue), self._batch_size)
            self.progress.begin()
            await self._run_batch([self._queue.popleft() for _ in range(size)])
            self.progress.end()
        await self._disconnect()

    async def _gather(self, most: int) -> None:
        """Wait for a moment until `most` requests are queued.

        A batch begins as soon as the last batch has responses. Without this pause, the clients with
        these responses would miss the batch: batches would have half of the clients, and a commit
        would cost twice as much per decision. A single client never waits.
        """
        until = perf_counter() + _GATHER_S
        while len(self._queue) < most and perf_counter() < until:  # noqa: ASYNC110  # a timer takes 1 ms
            await asyncio.sleep(0)  # meanwhile responses are sent and requests read

    async def _run_batch(self, batch: list[LaneRequest[Any]]) -> None:
        """Attempt a batch until it is committed or the deadlines of all its requests have passed.

        After the commit, requests that need another attempt go back to the front of the queue.
        """
        retry_s = _RETRY_FIRST_S
        while batch:
            try:
                async with asyncio.timeout(self._timeout_s):
                    again = await self._commit(batch)
                self._faults.succeeded()
                batch = []
                again = _in_time(again, TimeoutError("every attempt had a conflict"))
                self._queue.extendleft(reversed(again))
            except REFUSED as error:
                await self._isolate(batch, error)
                return
            except PASSING_FAULTS as error:
                self.progress.fail(error)
                self._faults.failed(error)
                await self._start_over(batch)
                batch = _in_time(batch, error)
                if batch:
                    await asyncio.sleep(retry_s)
                retry_s = min(2 * retry_s, _RETRY_MOST_S)
            except Exception as error:  # noqa: BLE001  # every request gets a response
                await self._isolate(batch, error)
                return

    async def _isolate(self, batch: list[LaneRequest[Any]], error: Exception) -> None:
        """Attempt each request of a failed batch alone, since any of them may be the cause."""
        await self._start_over(batch)
        if len(batch) == 1:
            self._log.error("request failed", stream=batch[0].stream, exc_info=error)
            batch[0].fail(error)
            return
        for request in batch:
            await self._run_batch([request])

    async def _commit(self, batch: Sequence[LaneRequest[Any]]) -> list[LaneRequest[Any]]:
        started = perf_counter()
        cursor, appender = await self._connected()
        rules = await self._rules.current(cursor.connection)
        work = UnitOfWork(self._cache)
        for request in batch:
            request.join(work)
        await run_queries_async(cursor, work.load())
        if self._clock.simulated:
            await self._clock.measure_async(cursor.connection)
        done, again = self._perform_all(batch, work, rules)
        for query in work.append():
            assert query.take is not None
            query.take(await appender.append(query.parameters))
            self.progress.append()
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
            request.reset(in_doubt=False)
        self._snapshots.offer(work.accounts, work.events)
        if self._logs_events:
            self._log_events(work)
        return again

    def _perform_all(
        self,
        batch: Iterable[LaneRequest[Any]],
        work: UnitOfWork,
        rules: RuleSet | RulesNotUnderstoodError,
    ) -> tuple[list[LaneRequest[Any]], list[LaneRequest[Any]]]:
        """Execute each request; return the finished requests, and the requests to attempt again.

        A request is attempted again if it needs data that was not read. An unexpected exception
        discards all new events of the account, so the account's other requests are attempted again.
        """
        now = self._clock.now()  # once, so that the parts derived from it are computed once
        spoilt: set[str] = set()
        done: list[LaneRequest[Any]] = []
        again: list[LaneRequest[Any]] = []
        for request in batch:
            if request.stream in spoilt:
                done.append(request)  # moved to `again` below, in order
                continue
            try:
                is_done = request.perform(work, rules, now)
            except Exception as error:  # noqa: BLE001  # a defect; the caller receives it
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

    async def _start_over(self, batch: Iterable[LaneRequest[Any]]) -> None:
        """Drop the connection and everything read: a failover may have lost recent commits."""
        self._metrics.batches_failed += 1
        for request in batch:
            request.reset(in_doubt=True)
        self._cache.clear()
        self._rules.forget()
        self._snapshots.forget()
        await self._disconnect()

    async def _connected(self) -> tuple[psycopg.AsyncCursor, Appender]:
        if self._session is None:
            connection = await self._database.connect_async()
            try:
                await self._clock.measure_async(connection)
                appender = await Appender.prepare(connection)
            except BaseException:
                await connection.close()
                raise
            self._session = connection.cursor(binary=True), appender
        return self._session

    async def _disconnect(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session[0].connection.close()


def _in_time(batch: Iterable[LaneRequest[Any]], cause: Exception) -> list[LaneRequest[Any]]:
    now = asyncio.get_running_loop().time()
    in_time = []
    for request in batch:
        if now < request.deadline:
            in_time.append(request)
        else:
            request.expire(cause)
    return in_time

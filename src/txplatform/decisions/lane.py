"""One lane: takes all requests that wait, decides them together, commits once, answers all.

Where every account of a batch is remembered nothing is read first: the log itself refuses
what was decided on an old version or repeats a business key, and then only those accounts
are read and decided again. Where other processes write to the same accounts so often that this
happens all the time, what is remembered is brought up to date first.

A lost connection leaves open whether its commit happened. It is settled by deciding and
appending again under the same keys: an append waits for the log's lock, hence for whatever
the old connection's server process was still doing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from logging import DEBUG
from time import perf_counter

from txplatform.database import PASSING_FAULTS, Database
from txplatform.decisions.errors import OutcomeUnknownError, QueueFullError, StoreUnavailableError
from txplatform.decisions.metrics import DecisionMetrics
from txplatform.decisions.request import AccountView, Request
from txplatform.decisions.snapshots import SnapshotWriter
from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.commands.outcome import CommandRejectedError, Outcome
from txplatform.domain.commands.prior_events import TransactionNotReadError
from txplatform.domain.events import AccountEvent
from txplatform.domain.rulesets import RuleSet, RulesNotUnderstoodError
from txplatform.eventstore.batch import AsyncBatchStore, ReadSet, UnitOfWork, known_versions
from txplatform.eventstore.snapshot import account_state, snapshot_due
from txplatform.processing.account_cache import AccountCache
from txplatform.processing.conflict_rate import ConflictRate
from txplatform.random_ids import random_id
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
        timeout_s: How long a request is tried and a lost commit is settled.
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
        self._queue: deque[Request] = deque()
        self._wake = asyncio.Event()
        self._stopping = False
        self._store: AsyncBatchStore | None = None
        self._staleness = ConflictRate()
        self._log = logger("decisions")
        self._tell_all = self._log.is_enabled_for(DEBUG)

    @property
    def queued(self) -> int:
        """Requests that wait."""
        return len(self._queue)

    def submit(self, request: Request) -> None:
        """Queue a request; its `answer` is set when it is durable.

        Raises:
            QueueFullError: Too many wait, or the lane is stopping.
        """
        if self._stopping or len(self._queue) >= self._limits.queue_size:
            self._metrics.refused += 1
            raise QueueFullError
        self._queue.append(request)
        self._wake.set()

    def stop(self) -> None:
        """Take nothing more; `run` returns when what was taken is answered."""
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
            await self._work_off([self._queue.popleft() for _ in range(size)])
        await self._disconnect()

    async def _work_off(self, batch: list[Request]) -> None:
        """Answer every request of a batch, whatever it takes until its deadline.

        What clashed goes again, first in the next batch, but no longer than its callers were
        promised.
        """
        retry_s = _RETRY_FIRST_S
        while batch:
            try:
                async with asyncio.timeout(self._limits.timeout_s):
                    again = await self._attempt(batch)
                batch = []
                again = self._still_in_time(again, TimeoutError("others were faster each time"))
                self._queue.extendleft(reversed(again))
            except _TRANSIENT as error:
                self._log.warning("event store failed", error=str(error), requests=len(batch))
                await self._start_over(batch)
                batch = self._still_in_time(batch, error)
                if batch:
                    await asyncio.sleep(retry_s)
                retry_s = min(2 * retry_s, _RETRY_MOST_S)
            except Exception as error:  # noqa: BLE001  # every request gets an answer
                await self._start_over(batch)
                if len(batch) == 1:
                    self._log.exception("request failed", stream=batch[0].stream)
                    batch[0].fail(error)
                    return
                # One of them is at fault: the others are not to suffer for it.
                for request in batch:
                    await self._work_off([request])
                return

    async def _attempt(self, batch: Sequence[Request]) -> list[Request]:
        """Decide and commit once; gives the requests that have to be tried again."""
        started = perf_counter()
        rules = await self._rules.current((await self._connected()).connection)
        work, trusted = await self._prepare(batch)
        again = self._decide(batch, work, rules)
        events = work.collect()
        clashing = await (await self._connected()).append(events) if events else set()
        self._staleness.note(len(trusted), len(clashing & trusted))
        for stream in clashing:
            del work.accounts[stream]
        self._cache.keep(work.accounts.values())
        for request in batch:
            if request.stream in clashing:
                request.suspect = True
                again.append(request)
            elif request.result is not None:
                request.settle()
        self._metrics.count_batch(batch, clashing, perf_counter() - started)
        self._follow_up(events, work)
        return again

    async def _prepare(self, batch: Sequence[Request]) -> tuple[UnitOfWork, set[str]]:
        """Collect the accounts; read those that are unknown, in doubt, or asked for as they are.

        Gives also the streams whose accounts are trusted to be as they are remembered.
        """
        work = UnitOfWork()
        read_set = ReadSet()
        read_first = self._staleness.high
        for request in batch:
            request.result = None
            stream = request.stream
            if stream not in work.accounts and stream not in read_set.streams:
                account = self._cache.take(stream)
                if account is None:
                    read_set.streams.add(stream)
                else:
                    work.accounts[stream] = account
                    if read_first:
                        read_set.streams.add(stream)
            if request.command is None:
                read_set.streams.add(stream)
            elif request.suspect:
                read_set.look_up(stream, request.command.keys)
            for transaction_id in request.transactions:
                read_set.look_up_transaction(stream, transaction_id)
        trusted = work.accounts.keys() - read_set.streams
        if read_set.streams:
            remembered = known_versions(work.accounts, read_set.streams & work.accounts.keys())
            await (await self._connected()).read(work, read_set)
            behind = sum(
                work.accounts[stream].version != version for stream, version in remembered.items()
            )
            self._staleness.note(len(remembered), behind)
        return work, trusted

    def _decide(
        self,
        batch: Iterable[Request],
        work: UnitOfWork,
        rules: RuleSet | RulesNotUnderstoodError,
    ) -> list[Request]:
        """Decide each request; gives those to do again.

        That is those that need more than was read, those that are refused before an earlier copy
        of them was looked for, and those whose account was spoilt by a defect.
        """
        spoilt: set[str] = set()
        decided, unread = [], []
        for request in batch:
            if request.stream in spoilt:
                decided.append(request)
                continue
            try:
                request.result = _decide(request, work, rules)
            except (CommandRejectedError, RulesNotUnderstoodError) as error:
                # Nothing is appended, so no clash would tell that it was answered before.
                if not request.suspect:
                    unread.append(request)
                    continue
                # Nor does it settle what became of an attempt that may have been committed.
                request.result = OutcomeUnknownError() if request.doubtful_event_ids else error
            except TransactionNotReadError as missing:
                request.transactions.update(missing.transaction_ids)
                unread.append(request)
                continue
            except Exception as error:  # noqa: BLE001  # a defect: this request is told
                self._log.exception("decision failed", stream=request.stream)
                spoilt.add(request.stream)
                work.accounts.pop(request.stream, None)
                request.fail(error)
                continue
            decided.append(request)
        again = [*unread, *(request for request in decided if request.stream in spoilt)]
        for request in again:
            request.suspect = True
            request.result = None
        return again

    def _follow_up(self, events: Sequence[AccountEvent], work: UnitOfWork) -> None:
        """What is done once the requests are answered: snapshots, and log lines for debugging."""
        for event in events:
            account = work.accounts.get(event.originator_id)
            if account is None:
                continue  # clashed: this event was not appended
            if snapshot_due(account, event.originator_version, self._snapshots.every):
                self._snapshots.offer(account)
            if self._tell_all:
                self._log.debug(
                    "event recorded",
                    event_type=event.TOPIC,
                    event_id=event.event_id,
                    correlation_id=correlation_id(event.traceparent),
                    version=event.originator_version,
                    account=account.account_id,
                    state=account_state(account),
                )

    def _still_in_time(self, batch: Iterable[Request], cause: Exception) -> list[Request]:
        """Answer the requests whose deadline has passed; the others are tried again."""
        now = asyncio.get_running_loop().time()
        in_time = []
        for request in batch:
            if now < request.deadline:
                in_time.append(request)
            elif request.doubtful_event_ids:
                request.fail(OutcomeUnknownError())
            else:
                request.fail(StoreUnavailableError(cause))
        return in_time

    async def _start_over(self, batch: Iterable[Request]) -> None:
        """Forget connection, cache and rules: what the log holds is not known any more."""
        self._metrics.batches_failed += 1
        for request in batch:
            request.suspect = True
            request.doubt_result()
        self._cache.clear()
        self._rules.forget()
        await self._disconnect()

    async def _connected(self) -> AsyncBatchStore:
        if self._store is None:
            self._store = AsyncBatchStore(await self._database.connect_async())
        return self._store

    async def _disconnect(self) -> None:
        store, self._store = self._store, None
        if store is not None:
            await store.close()


def _decide(
    request: Request, work: UnitOfWork, rules: RuleSet | RulesNotUnderstoodError
) -> Outcome | AccountView:
    now = datetime.now(UTC)
    if request.command is None:
        account = work.accounts.get(request.stream) or Account.unopened(request.account_id)
        return AccountView(
            account.account_id,
            account.opened,
            account.status,
            account.currency,
            account.balance,
            account.controls,
            account.version,
            now,
        )
    context = DecisionContext(now, random_id, request.traceparent, rules)
    return work.execute(request.stream, request.command, context)

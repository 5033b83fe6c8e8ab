"""The way into the lanes: hands each request to its account's lane."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import Self
from zlib import crc32

from txplatform.database import Database
from txplatform.decisions.lane import Lane, LaneLimits
from txplatform.decisions.metrics import DecisionMetrics
from txplatform.decisions.request import AccountRequest, AccountView, CommandRequest, Decided
from txplatform.decisions.snapshot_writer import SnapshotWriter
from txplatform.domain.cause import CommandOrigin
from txplatform.domain.commands import Command
from txplatform.domain.ids import AccountId, StreamId, account_stream
from txplatform.processing.account_cache import AccountCache
from txplatform.processing.pending_command import PendingCommand
from txplatform.rulebook.in_force import RulesInForce
from txplatform.settings import Settings


class Decider:
    """Decides commands and reads accounts, many at a time, on the running event loop.

    Attributes:
        rules: The rule set that purchases are decided by.
    """

    def __init__(
        self,
        database: Database,
        limits: LaneLimits,
        *,
        lanes: int,
        cache_size: int,
        snapshot_every: int,
    ) -> None:
        self.rules = RulesInForce()
        self.metrics = DecisionMetrics(self.rules)
        self._timeout_s = limits.timeout_s
        self._snapshots = SnapshotWriter(database, snapshot_every)
        caches = [AccountCache(-(-cache_size // lanes)) for _ in range(lanes)]
        self._lanes = [
            Lane(database, cache, limits, self.rules, self._snapshots, self.metrics)
            for cache in caches
        ]
        self.metrics.queued = lambda: sum(lane.queued for lane in self._lanes)
        self.metrics.cached = lambda: sum(map(len, caches))
        self._tasks: list[asyncio.Task[None]] = []
        self._snapshot_task: asyncio.Task[None] | None = None

    @classmethod
    def from_settings(cls, settings: Settings, database: Database) -> Self:
        """Build a decider as it is configured."""
        return cls(
            database,
            LaneLimits(
                settings.decision_batch_size,
                -(-settings.decision_queue_size // settings.decision_lanes),
                settings.decision_timeout_s,
            ),
            lanes=settings.decision_lanes,
            cache_size=settings.account_cache_size,
            snapshot_every=settings.snapshot_every_events,
        )

    @property
    def running(self) -> bool:
        """Whether every lane works."""
        return bool(self._tasks) and not any(task.done() for task in self._tasks)

    async def start(self) -> None:
        """Start the lanes."""
        self._snapshot_task = asyncio.create_task(self._snapshots.run())
        self._tasks = [asyncio.create_task(lane.run()) for lane in self._lanes]

    async def stop(self) -> None:
        """Take nothing more, respond to what was taken, and return."""
        for lane in self._lanes:
            lane.stop()
        await asyncio.gather(*self._tasks)
        self._snapshots.stop()
        if self._snapshot_task is not None:
            await self._snapshot_task

    def submit(self, command: Command, *, origin: CommandOrigin) -> asyncio.Future[Decided]:
        """Ask for a decision; the future has it when it is durable.

        A caller who stops waiting cancels nothing: the decision is made all the same.

        Raises:
            QueueFullError: Too many requests wait.
            CommandRejectedError: By the future: it contradicts what is recorded.
            RulesNotUnderstoodError: By the future: it needs the rule set in force, of which this
                version cannot make sense; nothing was recorded.
            StoreUnavailableError: By the future: nothing was recorded.
            OutcomeUnknownError: By the future: it may have been recorded.
        """
        loop = asyncio.get_running_loop()
        pending = PendingCommand.of(command, origin)
        request = CommandRequest(
            pending.stream,
            loop.create_future(),
            loop.time() + self._timeout_s,
            pending,
            perf_counter(),
        )
        self._lane_of(pending.stream).enqueue(request)
        return request.response

    async def read_account(self, account_id: AccountId) -> AccountView:
        """Read the account at its newest version.

        Raises:
            QueueFullError: Too many requests wait.
            StoreUnavailableError: The event store could not be read in time.
        """
        loop = asyncio.get_running_loop()
        stream = account_stream(account_id)
        request = AccountRequest(
            stream, loop.create_future(), loop.time() + self._timeout_s, account_id
        )
        self._lane_of(stream).enqueue(request)
        return await request.response

    def _lane_of(self, stream: StreamId) -> Lane:
        return self._lanes[lane_of(stream, len(self._lanes))]


def lane_of(stream: str, lanes: int) -> int:
    """The lane of an account's stream, the same in every process.

    A commit never mixes lanes, so that on a store that is distributed by account a lane can be
    made to follow the shard.
    """
    return crc32(stream.encode()) % lanes

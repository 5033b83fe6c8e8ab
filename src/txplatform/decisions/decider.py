"""Decides commands and reads accounts.

The work is divided among lanes. A lane is an asyncio task that handles requests in batches, and
every account belongs to exactly one lane.
"""

import asyncio
from time import perf_counter
from zlib import crc32

from txplatform.database import Database
from txplatform.database_clock import DatabaseClock
from txplatform.decisions.lane import Lane
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
    """Decides commands and reads accounts in batches, on the running event loop.

    Attributes:
        clock: The clock of the decisions; each new connection measures it. The owner of the decider
            measures it repeatedly.
    """

    def __init__(self, settings: Settings, database: Database) -> None:
        self.rules = RulesInForce()
        self.clock = DatabaseClock()
        self.metrics = DecisionMetrics(self.rules)
        self._timeout_s = settings.decision_timeout_s
        self._snapshots = SnapshotWriter(database, settings.snapshot_every_events)
        lanes = settings.decision_lanes
        caches = [AccountCache(-(-settings.account_cache_size // lanes)) for _ in range(lanes)]
        self._lanes = [
            Lane(settings, database, cache, self.rules, self.clock, self._snapshots, self.metrics)
            for cache in caches
        ]
        self.metrics.queued = lambda: sum(lane.queued for lane in self._lanes)
        self.metrics.cached = lambda: sum(map(len, caches))
        self._tasks: list[asyncio.Task[None]] = []
        self._snapshot_task: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        """True if the lanes were started and none has ended."""
        return bool(self._tasks) and not any(task.done() for task in self._tasks)

    @property
    def appended_at(self) -> float:
        """The time of the newest successful append, in seconds of `time.monotonic`; or -inf."""
        return max(lane.progress.appended_at for lane in self._lanes)

    def fault(self) -> str:
        """Return why decisions do not succeed, as sentences; empty if there is no fault."""
        return next(filter(None, (lane.progress.fault() for lane in self._lanes)), "")

    async def start(self) -> None:
        """Start the lanes."""
        self._snapshot_task = asyncio.create_task(self._snapshots.run())
        self._tasks = [asyncio.create_task(lane.run()) for lane in self._lanes]

    async def stop(self) -> None:
        """Refuse new requests, and wait until all queued requests have responses."""
        for lane in self._lanes:
            lane.stop()
        await asyncio.gather(*self._tasks)
        self._snapshots.stop()
        if self._snapshot_task is not None:
            await self._snapshot_task

    def submit(self, command: Command, *, origin: CommandOrigin) -> asyncio.Future[Decided]:
        """Queue a command, and return a future for its durable decision.

        The command is decided even if the caller cancels the future. `submit` itself raises only
        `QueueFullError`; the future raises the other errors.

        Raises:
            QueueFullError: Too many requests are waiting.
            CommandRejectedError: The command contradicts recorded events.
            RulesNotUnderstoodError: The command needs the rule set in force, which this version
                does not understand; nothing was recorded.
            StoreUnavailableError: The deadline has passed; nothing was recorded.
            OutcomeUnknownError: The deadline has passed; the command may have been recorded.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._timeout_s
        pending = PendingCommand(command, origin)
        request = CommandRequest(
            pending.stream, loop.create_future(), deadline, pending, perf_counter()
        )
        self._lane_of(pending.stream).enqueue(request)
        return request.response

    async def read_account(self, account_id: AccountId) -> AccountView:
        """Return the account at its newest version.

        Raises:
            QueueFullError: Too many requests are waiting.
            StoreUnavailableError: The event store could not be read in time.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._timeout_s
        stream = account_stream(account_id)
        request = AccountRequest(stream, loop.create_future(), deadline, account_id)
        self._lane_of(stream).enqueue(request)
        return await request.response

    def _lane_of(self, stream: StreamId) -> Lane:
        return self._lanes[lane_of(stream, len(self._lanes))]


def lane_of(stream: str, lanes: int) -> int:
    """Return the index of a stream's lane, which is the same in every process.

    A batch never spans lanes. If the store were ever sharded by account, each lane could therefore
    write to a single shard.
    """
    return crc32(stream.encode()) % lanes

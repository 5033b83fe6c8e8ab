"""Writes snapshots in the background, so that decisions neither wait for nor depend on them."""

import asyncio
from collections.abc import Mapping, Sequence

import psycopg

from txplatform.database import Database
from txplatform.domain.account import Account
from txplatform.domain.events import AccountEvent
from txplatform.eventstore.query import run_queries_async
from txplatform.processing.snapshots import TakenSnapshot, due_snapshots, store_snapshots
from txplatform.telemetry import FaultLog, logger

_MAX_WAITING = 10_000
_RETRY_S = 1.0


class SnapshotWriter:
    """Takes snapshots of accounts immediately and stores them later, in a background task."""

    def __init__(self, database: Database, every: int) -> None:
        self._every = every
        self._database = database
        self._waiting: dict[str, TakenSnapshot] = {}
        self._wake = asyncio.Event()
        self._stopping = False
        self._connection: psycopg.AsyncConnection | None = None
        self._faults = FaultLog(logger("snapshots"))

    def offer(self, accounts: Mapping[str, Account], events: Sequence[AccountEvent]) -> None:
        """Take the snapshots that are due after these events; skip some if too many are waiting."""
        for taken in due_snapshots(accounts, events, every=self._every):
            stream = taken.snapshot.originator_id
            if len(self._waiting) < _MAX_WAITING or stream in self._waiting:
                self._waiting[stream] = taken
                self._wake.set()

    def forget(self) -> None:
        """Drop the waiting snapshots: after a failover, the log may have lost their events."""
        self._waiting.clear()

    def stop(self) -> None:
        """Make `run` return after one last attempt to store the waiting snapshots."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Store snapshots until stopped; losing a snapshot only makes a later replay longer."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._store()
                self._faults.succeeded()
            except (psycopg.Error, OSError) as error:
                self._faults.failed(error)
                await self._disconnect()
                if not self._stopping:
                    await asyncio.sleep(_RETRY_S)
            if self._stopping:
                await self._disconnect()
                return

    async def _store(self) -> None:
        while self._waiting:
            if self._connection is None:
                self._connection = await self._database.connect_async()
            taken, self._waiting = self._waiting, {}
            await run_queries_async(
                self._connection.cursor(binary=True), store_snapshots(taken.values())
            )

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

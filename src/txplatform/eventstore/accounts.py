"""The accounts as an eventsourcing application: load any account, at any version, and save it.

This is the plain way, one account at a time; tools and audit use it. Decisions and consumers
take many accounts at once by the same statements (`batches.py`).
"""

from __future__ import annotations

from typing import cast

from eventsourcing.application import AggregateNotFoundError, Application
from eventsourcing.persistence import ApplicationRecorder, EventStore, InfrastructureFactory, Mapper
from eventsourcing.postgres import PostgresFactory
from eventsourcing.utils import Environment

from txplatform.database import Database
from txplatform.domain.account import Account
from txplatform.domain.ids import AccountId, account_stream
from txplatform.eventstore.mapper import EventMapper
from txplatform.eventstore.recorder import AccountRecorder, Datastore, SnapshotRecorder
from txplatform.eventstore.snapshot import AccountSnapshot


class _Infrastructure(PostgresFactory):
    """The library's factory, handing out our recorders."""

    def __init__(self, database: Database, *, pool_size: int) -> None:
        InfrastructureFactory.__init__(self, Environment(env={"IS_SNAPSHOTTING_ENABLED": "y"}))
        self.datastore = Datastore(database, pool_size=pool_size)


class Accounts(Application[str]):
    """All accounts."""

    snapshot_class = AccountSnapshot

    def __init__(self, database: Database, *, pool_size: int = 4) -> None:
        self._infrastructure = _Infrastructure(database, pool_size=pool_size)
        super().__init__()

    def construct_factory(self, env: Environment) -> InfrastructureFactory:  # noqa: ARG002
        return self._infrastructure  # type: ignore[return-value]  # the library's own generics

    def construct_mapper(self) -> Mapper[str]:
        return EventMapper()

    def construct_recorder(self) -> ApplicationRecorder:
        return AccountRecorder(self._infrastructure.datastore, events_table_name="events")

    def construct_snapshot_store(self) -> EventStore[str]:
        recorder = SnapshotRecorder(self._infrastructure.datastore, events_table_name="snapshots")
        return EventStore(self.mapper, recorder)

    def account(self, account_id: AccountId, *, version: int | None = None) -> Account:
        """The account at this version, by default the newest; at version 0 if it has no events."""
        try:
            return cast("Account", self.repository.get(account_stream(account_id), version=version))
        except AggregateNotFoundError:
            return Account.unopened(account_id)

"""Loads single accounts with the eventsourcing library, for `txplatform accounts show`.

An account can be loaded at any version; loading starts from the newest snapshot up to that version.
The API and the consumers instead load and append in batches (`processing/unit_of_work.py`).
"""

from typing import cast

import psycopg
from eventsourcing.application import AggregateNotFoundError, Application
from eventsourcing.persistence import ApplicationRecorder, EventStore, Mapper
from eventsourcing.utils import Environment, EnvType

from txplatform.domain.account import Account
from txplatform.domain.ids import AccountId, account_stream
from txplatform.eventstore.mapper import EventMapper
from txplatform.eventstore.recorder import TableRecorder
from txplatform.eventstore.snapshot import AccountSnapshot
from txplatform.eventstore.statements import READ_SNAPSHOTS, READ_STREAM


class Accounts(Application[str]):
    """All accounts, read on the caller's connection."""

    snapshot_class = AccountSnapshot

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        super().__init__()

    def construct_env(self, name: str, env: EnvType | None = None) -> Environment:  # noqa: ARG002
        # By default, the library reads the process's environment variables.
        return Environment(name, {"IS_SNAPSHOTTING_ENABLED": "y"})

    def construct_mapper(self) -> Mapper[str]:
        return EventMapper()

    def construct_recorder(self) -> ApplicationRecorder:
        # Without the library's notifications: followers read the log by position.
        return cast(
            "ApplicationRecorder", TableRecorder(self._connection, READ_STREAM, newest_first=False)
        )

    def construct_snapshot_store(self) -> EventStore[str]:
        return EventStore(
            self.mapper, TableRecorder(self._connection, READ_SNAPSHOTS, newest_first=True)
        )

    def account(self, account_id: AccountId, *, version: int | None = None) -> Account:
        """Return the account at a version (default: newest); unopened if it has no events."""
        try:
            return cast("Account", self.repository.get(account_stream(account_id), version=version))
        except AggregateNotFoundError:
            return Account.unopened(account_id)

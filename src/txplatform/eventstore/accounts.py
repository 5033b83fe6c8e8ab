"""The accounts as an eventsourcing application: the door for who needs one account.

Tools and dry runs load an account here, at any version and from its newest snapshot. Decisions and
consumers take many accounts at once, on the same tables (`processing/unit_of_work.py`).
"""

from __future__ import annotations

from typing import cast

import psycopg
from eventsourcing.application import AggregateNotFoundError, Application
from eventsourcing.persistence import ApplicationRecorder, EventStore, Mapper
from eventsourcing.utils import Environment, EnvType

from txplatform.domain.account import Account
from txplatform.domain.ids import AccountId, account_stream
from txplatform.eventstore.mapper import EventMapper
from txplatform.eventstore.recorder import EventRecorder, SnapshotRecorder
from txplatform.eventstore.snapshot import AccountSnapshot


class Accounts(Application[str]):
    """All accounts, on one connection of the caller's."""

    snapshot_class = AccountSnapshot

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        super().__init__()

    def construct_env(self, name: str, env: EnvType | None = None) -> Environment:  # noqa: ARG002
        """What the library reads of a process's environment is none of ours."""
        return Environment(name, {"IS_SNAPSHOTTING_ENABLED": "y"})

    def construct_mapper(self) -> Mapper[str]:
        return EventMapper()

    def construct_recorder(self) -> ApplicationRecorder:
        # It lacks the library's notifications: whoever follows the log reads it by position.
        return cast("ApplicationRecorder", EventRecorder(self._connection))

    def construct_snapshot_store(self) -> EventStore[str]:
        return EventStore(self.mapper, SnapshotRecorder(self._connection))

    def account(self, account_id: AccountId, *, version: int | None = None) -> Account:
        """The account at this version, by default the newest; at version 0 if it has no events."""
        try:
            return cast("Account", self.repository.get(account_stream(account_id), version=version))
        except AggregateNotFoundError:
            return Account.unopened(account_id)

"""Snapshots of accounts that a batch took past a mark, so that reading them stays short.

They are taken behind the commit: a snapshot is of what is stored, and nobody waits for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, Self

import psycopg

from txplatform.domain.account import Account
from txplatform.domain.events import AccountEvent
from txplatform.eventstore.query import Query, run
from txplatform.eventstore.snapshot import SNAPSHOT_TOPIC, encode_account, snapshot_due
from txplatform.eventstore.statements import INSERT_SNAPSHOTS


class SnapshotRow(NamedTuple):
    """An account's state at one version, as it is stored."""

    stream: str
    version: int
    topic: str
    state: bytes

    @classmethod
    def of(cls, account: Account) -> Self:
        """Take the account's state as it is now."""
        return cls(account.id, account.version, SNAPSHOT_TOPIC, encode_account(account))


def due_snapshots(
    accounts: Mapping[str, Account], events: Iterable[AccountEvent], *, every: int
) -> Iterator[Account]:
    """Give the accounts that these appended events took past a mark, each once.

    Args:
        accounts: As they are after the events, by stream.
        events: What was appended.
        every: An account's events between two snapshots.
    """
    seen: set[str] = set()
    for event in events:
        stream = event.originator_id
        account = accounts[stream]
        if snapshot_due(account, event.originator_version, every) and stream not in seen:
            seen.add(stream)
            yield account


def insert_snapshots(snapshots: Iterable[SnapshotRow]) -> Iterator[Query]:
    """Store snapshots; one that exists already stays as it is."""
    if columns := [list(column) for column in zip(*snapshots, strict=True)]:
        yield Query(INSERT_SNAPSHOTS, columns)


def take_snapshots(
    connection: psycopg.Connection,
    accounts: Mapping[str, Account],
    events: Iterable[AccountEvent],
    *,
    every: int,
) -> None:
    """Snapshot the accounts whose time has come with these events."""
    due = due_snapshots(accounts, events, every=every)
    run(connection, insert_snapshots(SnapshotRow.of(account) for account in due))

"""Snapshots of accounts that a batch took past a mark, so that reading them stays short.

They are taken behind the commit: a snapshot is of what is stored, and nobody waits for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import psycopg

from txplatform.domain.account import Account
from txplatform.domain.events import AccountEvent
from txplatform.eventstore.query import Query, run_queries
from txplatform.eventstore.snapshot import AccountSnapshot, snapshot_due
from txplatform.eventstore.statements import INSERT_SNAPSHOTS, column_arrays


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


def insert_snapshots(snapshots: Iterable[AccountSnapshot]) -> Iterator[Query]:
    """Store snapshots; one that exists already stays as it is."""
    columns = column_arrays(
        (each.originator_id, each.originator_version, each.topic, each.state) for each in snapshots
    )
    if columns:
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
    run_queries(connection, insert_snapshots(AccountSnapshot.take(account) for account in due))

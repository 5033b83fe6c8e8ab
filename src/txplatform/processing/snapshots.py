"""Takes snapshots of accounts whenever they have many new events, so that reading stays short.

Snapshots are written after the commit. So they contain stored events only, and no response waits.
"""

from collections.abc import Iterable, Iterator, Mapping

import psycopg

from txplatform.domain.account import Account
from txplatform.domain.events import AccountEvent
from txplatform.eventstore.query import Query, run_queries
from txplatform.eventstore.snapshot import AccountSnapshot, snapshot_due
from txplatform.eventstore.statements import INSERT_SNAPSHOTS, column_arrays


def due_snapshots(
    accounts: Mapping[str, Account], events: Iterable[AccountEvent], *, every: int
) -> Iterable[Account]:
    """Return the accounts for which one of these appended events makes a snapshot due.

    Args:
        accounts: The accounts after the events, by stream.
        events: The appended events.
        every: The least number of an account's events between two snapshots.
    """
    due = {}
    for event in events:
        account = accounts[event.originator_id]
        if snapshot_due(account, event.originator_version, every):
            due[account.id] = account
    return due.values()


def insert_snapshots(snapshots: Iterable[AccountSnapshot]) -> Iterator[Query]:
    """Yield the query that stores these snapshots, if any; stored ones stay as they are."""
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
    """Take the snapshots that are due after these events and store them."""
    due = due_snapshots(accounts, events, every=every)
    run_queries(connection, insert_snapshots(map(AccountSnapshot.take, due)))

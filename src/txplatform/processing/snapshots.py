"""Takes a snapshot of an account after many new events, so that accounts stay fast to load.

Snapshots are written after the commit, so they include only committed events and delay no response.
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
    """Return the accounts for which one of these events made a snapshot due.

    `every` is the usual number of versions between snapshots (see `snapshot_due`).
    """
    due = {}
    for event in events:
        account = accounts[event.originator_id]
        if snapshot_due(account, event.originator_version, every):
            due[account.id] = account
    return due.values()


def insert_snapshots(snapshots: Iterable[AccountSnapshot]) -> Iterator[Query]:
    """Yield a query that inserts these snapshots, if any; stored snapshots are skipped."""
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
    """Store a snapshot of each account for which these events made a snapshot due."""
    due = due_snapshots(accounts, events, every=every)
    run_queries(connection, insert_snapshots(map(AccountSnapshot.take, due)))

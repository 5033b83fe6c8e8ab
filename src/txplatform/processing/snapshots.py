"""Takes a new snapshot of an account after many new events, so that accounts stay fast to read.

Snapshots are written after the commit, so they include only stored events and delay no response.
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
    """Return the accounts that are due for a snapshot after these events.

    Snapshots of an account are at least `every` events apart.
    """
    due = {}
    for event in events:
        account = accounts[event.originator_id]
        if snapshot_due(account, event.originator_version, every):
            due[account.id] = account
    return due.values()


def insert_snapshots(snapshots: Iterable[AccountSnapshot]) -> Iterator[Query]:
    """Yield a query that inserts these snapshots, if any, and skips existing ones."""
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
    """Take and store the snapshots that are due after these events."""
    due = due_snapshots(accounts, events, every=every)
    run_queries(connection, insert_snapshots(map(AccountSnapshot.take, due)))

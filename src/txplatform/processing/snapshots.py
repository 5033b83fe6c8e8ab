"""Takes a snapshot of an account after many new events, so that accounts stay fast to load.

Snapshots are written after the commit, so they include only committed events and delay no response.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import psycopg

from txplatform.domain.account import Account
from txplatform.domain.events import AccountEvent
from txplatform.eventstore.mapper import encode_event
from txplatform.eventstore.query import Query, run_queries
from txplatform.eventstore.snapshot import AccountSnapshot, snapshot_due
from txplatform.eventstore.statements import STORE_SNAPSHOTS, column_arrays
from txplatform.telemetry import FaultLog


class TakenSnapshot(NamedTuple):
    """A snapshot that is not stored yet.

    Attributes:
        event_state: The stored state of the account's last event. If the log does not have this
            event at the snapshot's version, the snapshot is not stored.
    """

    snapshot: AccountSnapshot
    event_state: bytes


def due_snapshots(
    accounts: Mapping[str, Account], events: Sequence[AccountEvent], *, every: int
) -> Iterator[TakenSnapshot]:
    """Take a snapshot of each account for which one of these events made a snapshot due.

    Args:
        accounts: The accounts after the events, by stream.
        events: Events in order of account version.
        every: The usual number of versions between snapshots (see `snapshot_due`).
    """
    due = {
        event.originator_id
        for event in events
        if snapshot_due(accounts[event.originator_id], event.originator_version, every)
    }
    if due:
        last = {event.originator_id: event for event in events if event.originator_id in due}
        for stream, event in last.items():
            yield TakenSnapshot(AccountSnapshot.take(accounts[stream]), encode_event(event))


def store_snapshots(taken: Iterable[TakenSnapshot]) -> Iterator[Query]:
    """Yield a query that stores these snapshots, if any, and deletes older ones."""
    columns = column_arrays(
        (each.originator_id, each.originator_version, each.topic, each.state, event_state)
        for each, event_state in taken
    )
    if columns:
        yield Query(STORE_SNAPSHOTS, columns)


def take_snapshots(
    connection: psycopg.Connection,
    accounts: Mapping[str, Account],
    events: Sequence[AccountEvent],
    *,
    every: int,
    faults: FaultLog,
) -> None:
    """Store a snapshot of each account for which these events made a snapshot due.

    The events are committed already. So if the snapshots cannot be stored, this is only logged.

    Raises:
        psycopg.Error: The connection is lost.
    """
    queries = list(store_snapshots(due_snapshots(accounts, events, every=every)))
    if not queries:
        return
    try:
        run_queries(connection, queries)
    except psycopg.Error as error:
        if connection.closed:
            raise
        faults.failed(error)
    else:
        faults.succeeded()

"""Takes the snapshots again from the log: each account's old ones go, its newest state stays.

A snapshot only spares a replay; an account without one is folded from its first event. So
this may run while accounts are decided on.
"""

from __future__ import annotations

from collections.abc import Callable

import psycopg

from txplatform.database import Database
from txplatform.domain.account import Account
from txplatform.domain.ids import account_of
from txplatform.eventstore.mapper import decode_event
from txplatform.eventstore.query import run
from txplatform.eventstore.streams import whole_streams
from txplatform.processing.snapshots import SnapshotRow, insert_snapshots

_BATCH_ACCOUNTS = 200


def retake_snapshots(
    owner: Database, every: int, advance: Callable[[int], None] = lambda _: None
) -> int:
    """Drop every snapshot and take one of each account that has enough events.

    Args:
        owner: The database as the owner of the tables: the service may not delete.
        every: How many events are enough.
        advance: Is told how many events more have been read.

    Returns:
        How many snapshots were taken.
    """
    taken = 0
    with owner.connect() as reading, owner.connect() as writing:
        for connection in (reading, writing):
            connection.execute("SET statement_timeout = 0")
        reading.execute("SET idle_in_transaction_session_timeout = '60s'")
        reading.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        reading.read_only = True
        # Those of accounts that the log does not know would be left otherwise.
        writing.execute(
            "DELETE FROM snapshots s WHERE NOT EXISTS"
            " (SELECT FROM events e WHERE e.originator_id = s.originator_id)"
        )
        batch: list[Account] = []
        with reading.transaction():
            for stream, rows in whole_streams(reading):
                account = Account.unopened(account_of(stream))
                for row in rows:
                    decode_event(stream, row.originator_version, row.topic, row.state).mutate(
                        account
                    )
                advance(account.version)
                batch.append(account)
                if len(batch) == _BATCH_ACCOUNTS:
                    taken += _replace(writing, batch, every)
                    batch = []
        taken += _replace(writing, batch, every)
    return taken


def _replace(connection: psycopg.Connection, accounts: list[Account], every: int) -> int:
    long = [account for account in accounts if account.version >= every]
    with connection.transaction():
        connection.execute(
            "DELETE FROM snapshots WHERE originator_id = ANY (%s)",
            ([account.id for account in accounts],),
        )
        run(connection, insert_snapshots(SnapshotRow.of(account) for account in long))
    return len(long)

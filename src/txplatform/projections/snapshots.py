"""Replace all account snapshots with new ones, replayed from the log.

Decisions can continue meanwhile, since snapshots only speed up loading: an account without a
snapshot is replayed from its first event.
"""

from collections.abc import Callable, Iterator
from itertools import islice, starmap

from txplatform.database import Database
from txplatform.domain.account import Account
from txplatform.domain.ids import account_of
from txplatform.eventstore.consistent_read import StoredRow, consistent_read, whole_streams
from txplatform.eventstore.mapper import decode_event
from txplatform.eventstore.query import run_queries
from txplatform.eventstore.snapshot import AccountSnapshot
from txplatform.processing.snapshots import insert_snapshots

_BATCH_ACCOUNTS = 200


def retake_snapshots(
    owner: Database, every: int, advance: Callable[[int], None] = lambda _: None
) -> int:
    """Delete every snapshot, and take a new one of each account with at least `every` events.

    Args:
        owner: Database access as the owner of the tables; the service's role cannot delete rows.
        every: An account gets a snapshot if it has at least this many events.
        advance: Called with the number of events read since the last call.

    Returns:
        The number of snapshots taken.
    """
    taken = 0
    with owner.connect() as writing, consistent_read(owner) as reading:
        writing.execute("SET statement_timeout = 0")
        # Accounts without events are not replayed below, so their snapshots go here.
        writing.execute(
            "DELETE FROM snapshots s WHERE NOT EXISTS"
            " (SELECT FROM events e WHERE e.originator_id = s.originator_id)"
        )
        accounts = starmap(_replay, whole_streams(reading, advance))
        while batch := [*islice(accounts, _BATCH_ACCOUNTS)]:
            long = [account for account in batch if account.version >= every]
            with writing.transaction():
                writing.execute(
                    "DELETE FROM snapshots WHERE originator_id = ANY (%s)",
                    ([account.id for account in batch],),
                )
                run_queries(writing, insert_snapshots(map(AccountSnapshot.take, long)))
            taken += len(long)
    return taken


def _replay(stream: str, rows: Iterator[StoredRow]) -> Account:
    account = Account.unopened(account_of(stream))
    for row in rows:
        decode_event(stream, row.originator_version, row.topic, row.state).mutate(account)
    return account

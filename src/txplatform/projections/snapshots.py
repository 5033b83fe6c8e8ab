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
from txplatform.processing.snapshots import TakenSnapshot, store_snapshots

_BATCH_ACCOUNTS = 200


def retake_snapshots(
    owner: Database, every: int, advance: Callable[[int], None] = lambda _: None
) -> int:
    """Delete every snapshot, and take a new one of each account with at least `every` events.

    Args:
        owner: Database access as the owner of the tables.
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
        snapshots = starmap(_replay, whole_streams(reading, advance))
        while batch := [*islice(snapshots, _BATCH_ACCOUNTS)]:
            long = [each for each in batch if each.snapshot.originator_version >= every]
            with writing.transaction():
                writing.execute(
                    "DELETE FROM snapshots WHERE originator_id = ANY (%s)",
                    ([each.snapshot.originator_id for each in batch],),
                )
                run_queries(writing, store_snapshots(long))
            taken += len(long)
    return taken


def _replay(stream: str, rows: Iterator[StoredRow]) -> TakenSnapshot:
    account, state = Account.unopened(account_of(stream)), b""
    for row in rows:
        state = row.state
        decode_event(stream, row.originator_version, row.topic, state).mutate(account)
    return TakenSnapshot(AccountSnapshot.take(account), state)

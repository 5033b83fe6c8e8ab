"""Snapshots of the accounts that a batch took past a mark, so that reading them stays short."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from txplatform.eventstore.snapshot import SNAPSHOT_TOPIC, account_state
from txplatform.eventstore.statements import INSERT_SNAPSHOTS

if TYPE_CHECKING:
    import psycopg

    from txplatform.consumers.deciding import Decided


def take_snapshots(connection: psycopg.Connection, decided: Decided, *, every: int) -> None:
    """Snapshot the accounts that grew to or past a multiple of this many events.

    Behind the batch's commit: a snapshot is of what is stored, and nobody waits for it.
    """
    due = {event.originator_id for event in decided.events if event.originator_version % every == 0}
    if not due:
        return
    accounts = [decided.workspace.accounts[stream] for stream in due]
    connection.execute(
        INSERT_SNAPSHOTS,
        (
            [account.id for account in accounts],
            [account.version for account in accounts],
            [SNAPSHOT_TOPIC] * len(accounts),
            [orjson.dumps(account_state(account)) for account in accounts],
        ),
    )

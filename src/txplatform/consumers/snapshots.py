"""Snapshots of the accounts that a batch took past a mark, so that reading them stays short."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import orjson
import psycopg

from txplatform.domain.account import Account
from txplatform.domain.events import AccountEvent
from txplatform.eventstore.snapshot import SNAPSHOT_TOPIC, account_state, snapshot_due
from txplatform.eventstore.statements import INSERT_SNAPSHOTS


def take_snapshots(
    connection: psycopg.Connection,
    known: Mapping[str, Account],
    events: Iterable[AccountEvent],
    *,
    every: int,
) -> None:
    """Snapshot the accounts whose time has come with these events.

    Behind the batch's commit: a snapshot is of what is stored, and nobody waits for it.
    """
    due = {
        event.originator_id
        for event in events
        if snapshot_due(known[event.originator_id], event.originator_version, every)
    }
    if not due:
        return
    accounts = [known[stream] for stream in due]
    connection.execute(
        INSERT_SNAPSHOTS,
        (
            [account.id for account in accounts],
            [account.version for account in accounts],
            [SNAPSHOT_TOPIC] * len(accounts),
            [orjson.dumps(account_state(account)) for account in accounts],
        ),
    )

"""Ends the holds of many accounts in one commit.

The read model only says where to look. Whether a hold is there and due, the account says; that it
ends once, its business key in the log (I3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg

from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.commands.outcome import CommandRejectedError
from txplatform.domain.events import AccountEvent
from txplatform.domain.ids import account_stream
from txplatform.domain.requests import HoldExpiry
from txplatform.eventstore.batch import BatchStore, ReadSet, UnitOfWork
from txplatform.projections.open_holds import DueHold
from txplatform.random_ids import random_id
from txplatform.telemetry import new_traceparent


@dataclass(frozen=True, slots=True)
class Expiry:
    """What became of holds that were to end.

    Attributes:
        events: What was appended, one event a hold.
        accounts: As they are after them, by stream.
        left: Holds of accounts to which someone else appended meanwhile; look again.
    """

    events: list[AccountEvent]
    accounts: dict[str, Account]
    left: list[DueHold]


def expire(connection: psycopg.Connection, holds: Sequence[DueHold], now: datetime) -> Expiry:
    """End those of the holds that are still there; that is one statement, and so one commit.

    One that was cleared, reversed or ended before is nothing to do.

    Args:
        connection: In autocommit mode, so that nothing is locked while they are decided.
        holds: As the read model has them.
        now: By which they are due, UTC.
    """
    store, work = BatchStore(connection), UnitOfWork()
    streams: set[str] = {account_stream(hold.account_id) for hold in holds}
    store.read(work, ReadSet(streams=streams))
    context = DecisionContext(now, random_id, new_traceparent())
    for hold in holds:
        command = HoldExpiry(hold.account_id, hold.transaction_id)
        try:
            work.execute(account_stream(hold.account_id), command, context)
        except CommandRejectedError:
            continue
    events = work.collect()
    clashing = store.append(events)
    return Expiry(
        [event for event in events if event.originator_id not in clashing],
        work.accounts,
        [hold for hold in holds if account_stream(hold.account_id) in clashing],
    )

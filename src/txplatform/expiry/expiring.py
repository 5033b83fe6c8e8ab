"""Ends the holds of many accounts in one commit.

The read model only says where to look. Whether a hold is there and due, the account says; that it
ends once, its business key in the log (I3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from txplatform.domain.account import Stamp
from txplatform.domain.commands.expire_hold import ExpireHold
from txplatform.domain.commands.outcome import CommandRejectedError
from txplatform.domain.ids import account_stream
from txplatform.eventstore.batch import BatchStore, Wanted, Workspace
from txplatform.random_ids import random_id
from txplatform.telemetry import new_traceparent

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import psycopg

    from txplatform.domain.account import Account
    from txplatform.domain.events import AccountEvent
    from txplatform.projections.open_holds import DueHold


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
    store, workspace = BatchStore(connection), Workspace()
    streams: set[str] = {account_stream(hold.account_id) for hold in holds}
    store.read(workspace, Wanted(streams=streams))
    stamp = Stamp(now, random_id, new_traceparent())
    for hold in holds:
        command = ExpireHold(hold.account_id, hold.transaction_id)
        try:
            workspace.decide(account_stream(hold.account_id), command, stamp)
        except CommandRejectedError:
            continue
    events = workspace.collect()
    clashing = store.append(events)
    return Expiry(
        [event for event in events if event.originator_id not in clashing],
        workspace.accounts,
        [hold for hold in holds if account_stream(hold.account_id) in clashing],
    )

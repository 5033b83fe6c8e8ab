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
from txplatform.domain.cause import CommandOrigin, PartCause
from txplatform.domain.events import AccountEvent
from txplatform.domain.requests import HoldExpiry
from txplatform.eventstore.query import run_queries
from txplatform.processing.pending_command import PendingCommand
from txplatform.processing.unit_of_work import UnitOfWork
from txplatform.projections.open_holds import DueHold
from txplatform.random_ids import random_id
from txplatform.telemetry import new_traceparent

_CAUSE = PartCause("hold expiry")


@dataclass(frozen=True, slots=True)
class Expiry:
    """The result of ending holds.

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
    work = UnitOfWork()
    origin = CommandOrigin(_CAUSE, new_traceparent())
    context = DecisionContext(now, random_id, origin)
    commands = [
        PendingCommand(HoldExpiry(hold.account_id, hold.transaction_id), origin) for hold in holds
    ]
    for command in commands:
        work.include(command)
    run_queries(connection, work.load())
    for command in commands:
        work.attempt(command, context)  # one that is rejected has nothing to end
    run_queries(connection, work.append())
    return Expiry(
        work.events,
        work.accounts,
        [
            hold
            for hold, command in zip(holds, commands, strict=True)
            if command.stream in work.conflicts
        ],
    )

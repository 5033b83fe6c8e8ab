"""Account histories in a real database, recorded with the platform's own commands."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

import psycopg

from harness.commands import NOW, ORIGIN
from harness.postgres import TestDatabase
from txplatform.database import Database
from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.cause import CommandOrigin
from txplatform.domain.commands import Command
from txplatform.domain.ids import AccountId
from txplatform.domain.rulesets import DEFAULT_RULESET, RuleSet
from txplatform.eventstore.accounts import Accounts
from txplatform.eventstore.log import read_log
from txplatform.eventstore.query import run_queries
from txplatform.eventstore.snapshot import AccountSnapshot
from txplatform.eventstore.statements import LoggedEvent
from txplatform.processing.execution import execute_in_order
from txplatform.processing.pending_command import PendingCommand
from txplatform.processing.snapshots import TakenSnapshot, store_snapshots
from txplatform.processing.unit_of_work import UnitOfWork

_numbers = itertools.count(1)


def record(
    connection: psycopg.Connection,
    commands: Iterable[Command],
    *,
    begin: datetime = NOW,
    ruleset: RuleSet = DEFAULT_RULESET,
) -> int:
    """Execute commands, append their events in one commit, and return the number of events."""
    return len(commit(connection, commands, begin=begin, ruleset=ruleset).events)


def commit(
    connection: psycopg.Connection,
    commands: Iterable[Command],
    *,
    begin: datetime = NOW,
    ruleset: RuleSet = DEFAULT_RULESET,
) -> UnitOfWork:
    """Execute commands, append their events in one commit, and return the unit of work.

    Rejected commands append nothing, as in production.
    """
    pending = [PendingCommand(command, ORIGIN, look_up=True) for command in commands]
    work = UnitOfWork()

    def context_of(origin: CommandOrigin) -> DecisionContext:
        return DecisionContext(
            begin + timedelta(milliseconds=next(_numbers)),
            lambda: f"event-{next(_numbers)}",
            origin,
            ruleset,
        )

    with connection.transaction():
        execute_in_order(connection, work, pending, context_of)
        run_queries(connection, work.append())
    assert not work.conflicts
    return work


def stored_account(database: TestDatabase, account_id: str) -> Account:
    """Load an account from its snapshot and events."""
    with Database(database.service_url).connect() as connection:
        return Accounts(connection).account(AccountId(account_id))


def store_snapshot(connection: psycopg.Connection, account: Account) -> None:
    """Store a snapshot of an account that was loaded from the log."""
    ((state,),) = connection.execute(
        "SELECT state FROM events WHERE originator_id = %s AND originator_version = %s",
        (account.id, account.version),
    ).fetchall()
    run_queries(connection, store_snapshots([TakenSnapshot(AccountSnapshot.take(account), state)]))


def read_whole_log(connection: psycopg.Connection) -> Iterator[LoggedEvent]:
    """Yield every event of the log, including events appended while reading."""
    position = 0
    while batch := read_log(connection, position):
        yield from batch
        position = batch[-1].position


def end_log_at(database: TestDatabase, position: int) -> None:
    """Let the log of an empty database end at a position, with an event that cannot be decoded.

    So the checkpoint of a made-up source may move up to that position.
    """
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        owner.execute(
            "INSERT INTO events (position, originator_id, originator_version, event_key, topic,"
            " state, pending_change) OVERRIDING SYSTEM VALUE"
            " VALUES (%s, 'account-made-up', 1, 'made-up', 'made-up', '', 0)",
            (position,),
        )

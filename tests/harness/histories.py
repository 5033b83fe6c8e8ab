"""Accounts with a history in the real log, made by the same commands that the product uses."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta

import psycopg

from harness.commands import NOW
from txplatform.domain.account import DecisionContext
from txplatform.domain.commands import Command
from txplatform.domain.commands.outcome import CommandRejectedError
from txplatform.domain.commands.prior_events import TransactionNotReadError
from txplatform.domain.ids import account_stream
from txplatform.domain.rulesets import DEFAULT_RULESET, RuleSet
from txplatform.eventstore.batch import BatchStore, ReadSet, UnitOfWork

_numbers = itertools.count(1)


def record(
    connection: psycopg.Connection,
    commands: Iterable[Command],
    *,
    begin: datetime = NOW,
    ruleset: RuleSet = DEFAULT_RULESET,
) -> int:
    """Decide these and append what they record in one commit; gives the number of events.

    A command that is rejected records nothing, as in the product.
    """
    commands = list(commands)
    store, work = BatchStore(connection), UnitOfWork()
    wanted = ReadSet()
    for command in commands:
        wanted.look_up(account_stream(command.account_id), command.keys)
    with connection.transaction():
        store.read(work, wanted)
        for command in commands:
            number = next(_numbers)
            context = DecisionContext(
                begin + timedelta(milliseconds=number),
                lambda: f"event-{next(_numbers)}",
                "00-0-0-00",
                ruleset,
            )
            stream = account_stream(command.account_id)
            with suppress(CommandRejectedError):
                _decide(store, work, stream, command, context)
        events = work.collect()
        clashing = store.append(events)
    assert not clashing
    return len(events)


def _decide(
    store: BatchStore, work: UnitOfWork, stream: str, command: Command, context: DecisionContext
) -> None:
    """Fetch whatever transactions it needs; an opening needs those of all that waits."""
    while True:
        try:
            work.execute(stream, command, context)
        except TransactionNotReadError as missing:
            wanted = ReadSet()
            for transaction_id in missing.transaction_ids:
                wanted.look_up_transaction(stream, transaction_id)
            store.read(work, wanted)
        else:
            return

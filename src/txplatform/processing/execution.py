"""Executes commands in order on a connection that the caller waits on in a thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import psycopg

from txplatform.domain.account import DecisionContext
from txplatform.eventstore.query import run_queries
from txplatform.processing.pending_command import PendingCommand
from txplatform.processing.unit_of_work import UnitOfWork


def execute_in_order(
    connection: psycopg.Connection,
    work: UnitOfWork,
    commands: Sequence[PendingCommand],
    context_of: Callable[[PendingCommand], DecisionContext],
    *,
    expect_copies: bool = False,
) -> None:
    """Give each command its result, reading on the way what turns out to be needed.

    Nothing is appended.

    Args:
        connection: Its transaction is the caller's.
        work: Takes the commands in.
        commands: Later ones see what earlier ones recorded.
        context_of: Gives the context that a command is decided in.
        expect_copies: See `UnitOfWork.include`.
    """
    for command in commands:
        work.include(command, expect_copies=expect_copies)
    run_queries(connection, work.load())
    for command in commands:
        context = context_of(command)
        while (missing := work.attempt(command, context)) is not None:
            run_queries(connection, work.read(missing))

"""Executes commands in order on a synchronous connection."""

from collections.abc import Callable, Sequence

import psycopg

from txplatform.domain.account import DecisionContext
from txplatform.domain.cause import CommandOrigin
from txplatform.eventstore.query import run_queries
from txplatform.processing.pending_command import PendingCommand
from txplatform.processing.unit_of_work import UnitOfWork


def execute_in_order(
    connection: psycopg.Connection,
    work: UnitOfWork,
    commands: Sequence[PendingCommand],
    context_of: Callable[[CommandOrigin], DecisionContext],
) -> None:
    """Execute commands in order and set their results, without appending the events."""
    for command in commands:
        work.include(command)
    run_queries(connection, work.load())
    for command in commands:
        execute_one(connection, work, command, context_of(command.origin))


def execute_one(
    connection: psycopg.Connection,
    work: UnitOfWork,
    command: PendingCommand,
    context: DecisionContext,
) -> None:
    """Execute a command that the unit of work includes, and read what it needs."""
    while not work.attempt(command, context):
        run_queries(connection, work.load())

"""Executes commands in order on a synchronous connection."""

from collections.abc import Callable, Sequence

import psycopg

from txplatform.domain.account import DecisionContext
from txplatform.domain.cause import CommandOrigin
from txplatform.eventstore.query import run_queries
from txplatform.processing.pending_command import PendingCommand
from txplatform.processing.unit_of_work import UnitOfWork


def execute_in_order(  # noqa: PLR0913  # the last two have defaults
    connection: psycopg.Connection,
    work: UnitOfWork,
    commands: Sequence[PendingCommand],
    context_of: Callable[[CommandOrigin], DecisionContext],
    *,
    expect_copies: bool = False,
    isolate: bool = False,
) -> None:
    """Execute commands in order and set their results, without appending the events.

    Args:
        connection: A connection, with or without an open database transaction.
        work: The unit of work.
        commands: The commands, whose results are None afterwards if their account has failed.
        context_of: Returns the decision context of a command.
        expect_copies: See `UnitOfWork.include`.
        isolate: True if an error fails only the command's account (`UnitOfWork.failed`). Otherwise
            the error is raised.
    """
    for command in commands:
        work.include(command, expect_copies=expect_copies)
    run_queries(connection, work.load())
    for command in commands:
        context = context_of(command.origin)
        try:
            while not work.attempt(command, context):
                run_queries(connection, work.load())
        except psycopg.Error:
            raise
        except Exception as error:
            if not isolate:
                raise
            work.fail(command.stream, error)

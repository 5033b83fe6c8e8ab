"""Processes a batch of messages: events, inbox rows and positions in one transaction.

The batch is decided without a lock. From the append on, the transaction holds the log's lock, so
messages with a conflict need to be decided again only once.

Each message is decided on the account's present state. A rejected message is parked alone:
messages commute, so no other has to wait behind it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import assert_never

import psycopg

from txplatform.consumers.parsing import ParsedMessage, Rejection
from txplatform.contracts.inbound_messages import MessageStatus
from txplatform.domain.account import DecisionContext
from txplatform.domain.cause import CommandOrigin, MessageCause
from txplatform.domain.commands.outcome import CommandRejectedError, Outcome, OutcomeStatus
from txplatform.domain.rulesets import RulesNotUnderstoodError
from txplatform.errors import TxPlatformError
from txplatform.eventstore.query import run_queries
from txplatform.eventstore.statements import LOCK_LOG
from txplatform.inbox.message import MessageOutcome
from txplatform.inbox.parking import deduplicate_parked
from txplatform.inbox.positions import Move, advance
from txplatform.inbox.writer import record
from txplatform.processing.account_cache import AccountCache
from txplatform.processing.execution import execute_in_order
from txplatform.processing.pending_command import PendingCommand
from txplatform.processing.unit_of_work import UnitOfWork
from txplatform.random_ids import random_id

_STATUS_OF = {status: MessageStatus(status.value) for status in OutcomeStatus}


class ContradictionError(TxPlatformError):
    """Events conflict although they were decided under the log's lock; nothing was appended."""

    def __init__(self, streams: set[str]) -> None:
        super().__init__(
            f"Events of {len(streams)} accounts cannot be appended: {', '.join(sorted(streams))}.",
            why="The log's lock was held while they were read and decided.",
            next_step="Run `txplatform verify`, and report this.",
        )


@dataclass(frozen=True, slots=True)
class InboundBatch:
    """Messages of one cluster, and the moves of positions that go with them."""

    cluster_id: str
    parsed_messages: Sequence[ParsedMessage]
    moves: Sequence[Move]


def process(
    connection: psycopg.Connection, cache: AccountCache, batch: InboundBatch
) -> tuple[list[MessageOutcome], UnitOfWork]:
    """Process a batch and commit.

    Accounts are out of the cache during the transaction, so only committed ones are cached.

    Returns:
        The outcome of each message, in order, and the committed unit of work.

    Raises:
        FencedError: Another consumer has moved a position; nothing is stored.
    """
    pending = [pending_command(parsed) for parsed in batch.parsed_messages]
    commands = [command for command in pending if command is not None]
    work = UnitOfWork(cache)
    with connection.transaction():
        _run_commands(connection, work, commands)
        run_queries(connection, work.append())
        if work.conflicts:
            again = [command for command in commands if command.stream in work.conflicts]
            decide_under_lock(connection, work, again)
        elif not work.events:
            # No append has taken the log's lock, under which inbox rows are inserted.
            connection.execute(LOCK_LOG)
        messages = [parsed.message for parsed in batch.parsed_messages]
        outcomes = deduplicate_parked(
            connection, messages, list(map(outcome_of, batch.parsed_messages, pending))
        )
        traceparents = [parsed.traceparent for parsed in batch.parsed_messages]
        record(connection, messages, traceparents, outcomes)
        advance(connection, batch.cluster_id, batch.moves)
    work.cache_accounts()
    return outcomes, work


def decide_under_lock(
    connection: psycopg.Connection, work: UnitOfWork, commands: Sequence[PendingCommand]
) -> None:
    """Decide commands on what is stored and append; the caller holds the log's lock.

    Raises:
        ContradictionError: An event's key is stored although the decision did not find it.
    """
    for command in commands:
        command.look_up = True
    _run_commands(connection, work, commands)
    run_queries(connection, work.append())
    if work.conflicts:
        raise ContradictionError(work.conflicts)


def pending_command(parsed: ParsedMessage, *, retried: bool = False) -> PendingCommand | None:
    """Return the command of a message to execute; None for a message that cannot be applied.

    Args:
        parsed: The message.
        retried: True if an operator retries it after it was parked.
    """
    if isinstance(parsed.command, Rejection):
        return None
    message = parsed.message
    cause = MessageCause(message.topic, message.partition, message.offset, retried)
    return PendingCommand(parsed.command, CommandOrigin(cause, parsed.traceparent))


def outcome_of(parsed: ParsedMessage, pending: PendingCommand | None) -> MessageOutcome:
    """Return the outcome of a message; its command, if any, was executed."""
    command = parsed.command
    if isinstance(command, Rejection):
        return MessageOutcome(MessageStatus.PARKED, reason=command.reason, detail=command.detail)
    assert pending is not None
    match pending.result:
        case Outcome(status, event):
            return MessageOutcome(
                _STATUS_OF[status],
                command.account_id,
                command.key,
                None,
                None,
                event.event_id,
                event.originator_version,
            )
        case CommandRejectedError() as error:
            return MessageOutcome(
                MessageStatus.PARKED, command.account_id, command.key, error.reason, error.detail
            )
        case RulesNotUnderstoodError() as error:
            raise error  # an advice needs no rule set
        case None:
            raise AssertionError("a command was not executed")
        case unknown:
            assert_never(unknown)


def _run_commands(
    connection: psycopg.Connection, work: UnitOfWork, commands: Sequence[PendingCommand]
) -> None:
    now = datetime.now(UTC)

    def context_of(origin: CommandOrigin) -> DecisionContext:
        return DecisionContext(now, random_id, origin)

    execute_in_order(connection, work, commands, context_of, expect_copies=True)

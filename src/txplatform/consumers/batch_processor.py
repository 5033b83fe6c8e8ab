"""Processes a batch of messages: events, inbox rows and positions in one transaction.

A batch is decided without holding anyone up. Only if someone else was faster, the accounts
concerned are decided again, under the log's lock, which is ours from the append on.

Each message is decided on the account's present state. One that is rejected is parked alone:
messages commute, so no other has to wait behind it.
"""

from __future__ import annotations

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
from txplatform.inbox.message_outcome import MessageOutcome
from txplatform.inbox.parking import deduplicate_parked
from txplatform.inbox.positions import Move, advance
from txplatform.inbox.writer import InboxEntry, record
from txplatform.processing.account_cache import AccountCache
from txplatform.processing.execution import execute_in_order
from txplatform.processing.pending_command import PendingCommand
from txplatform.processing.unit_of_work import UnitOfWork
from txplatform.random_ids import random_id

_STATUS_OF = {status: MessageStatus(status.value) for status in OutcomeStatus}


class ContradictionError(TxPlatformError):
    """What is stored contradicts itself; nothing was appended."""

    def __init__(self, streams: set[str]) -> None:
        super().__init__(
            f"Events of {len(streams)} accounts cannot be appended: {', '.join(sorted(streams))}.",
            why="The log's lock was held while they were read and decided.",
            next_step="Run `txplatform verify`, and report this.",
        )


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages of one cluster, and how far they take the positions."""

    cluster_id: str
    parsed_messages: Sequence[ParsedMessage]
    moves: Sequence[Move]


@dataclass(frozen=True, slots=True)
class ProcessedBatch:
    """What was committed.

    Attributes:
        outcomes: One a message, in order.
        work: The accounts as they are now, and the events that were appended.
    """

    outcomes: list[MessageOutcome]
    work: UnitOfWork


class BatchProcessor:
    """Processes batch after batch; accounts are cached in between.

    Only what was committed is cached: accounts are taken out of the cache for the time of the
    transaction and put back behind it.
    """

    def __init__(self, cache: AccountCache) -> None:
        self._cache = cache

    def process(self, connection: psycopg.Connection, batch: Batch) -> ProcessedBatch:
        """Apply a batch and commit.

        Raises:
            FencedError: Another consumer has moved a position; nothing is stored.
        """
        parsed_messages = batch.parsed_messages
        pending = [pending_command(parsed) for parsed in parsed_messages]
        commands = [command for command in pending if command is not None]
        work = UnitOfWork(self._cache)
        with connection.transaction():
            _run_commands(connection, work, commands)
            run_queries(connection, work.append())
            if work.conflicts:
                again = [command for command in commands if command.stream in work.conflicts]
                decide_under_lock(connection, work, again)
            elif not work.events:
                # No append has taken the log's lock, under which inbox rows are inserted.
                connection.execute(LOCK_LOG)
            outcomes = deduplicate_parked(
                connection,
                [parsed.message for parsed in parsed_messages],
                [
                    outcome_of(parsed, command)
                    for parsed, command in zip(parsed_messages, pending, strict=True)
                ],
            )
            record(
                connection,
                [
                    InboxEntry(parsed.message, parsed.traceparent, outcome)
                    for parsed, outcome in zip(parsed_messages, outcomes, strict=True)
                ],
            )
            advance(connection, batch.cluster_id, batch.moves)
        work.cache_accounts()
        return ProcessedBatch(outcomes, work)


def decide_under_lock(
    connection: psycopg.Connection, work: UnitOfWork, commands: Sequence[PendingCommand]
) -> None:
    """Decide commands on what is stored and append; the caller holds the log's lock.

    Raises:
        ContradictionError: The events contradict what is stored under the same keys.
    """
    for command in commands:
        command.look_up = True
    _run_commands(connection, work, commands)
    run_queries(connection, work.append())
    if work.conflicts:
        raise ContradictionError(work.conflicts)


def pending_command(parsed: ParsedMessage, *, retried: bool = False) -> PendingCommand | None:
    """The command that a message asks for, to be executed; None if it asks for none.

    Args:
        parsed: The message.
        retried: Whether an operator retries it after it was parked.
    """
    if isinstance(parsed.command, Rejection):
        return None
    message = parsed.message
    cause = MessageCause(message.topic, message.partition, message.offset, retried)
    return PendingCommand(parsed.command, CommandOrigin(cause, parsed.traceparent))


def outcome_of(parsed: ParsedMessage, pending: PendingCommand | None) -> MessageOutcome:
    """The outcome of a message whose command, if any, has its result."""
    if isinstance(parsed.command, Rejection):
        rejection = parsed.command
        return MessageOutcome(
            MessageStatus.PARKED, reason=rejection.reason, detail=rejection.detail
        )
    assert pending is not None
    account_id, business_key = parsed.command.account_id, parsed.command.key
    match pending.result:
        case Outcome() as outcome:
            return MessageOutcome(
                _STATUS_OF[outcome.status],
                account_id,
                business_key,
                event_id=outcome.event.event_id,
                account_version=outcome.event.originator_version,
            )
        case CommandRejectedError() as error:
            return MessageOutcome(
                MessageStatus.PARKED, account_id, business_key, error.reason, error.detail
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

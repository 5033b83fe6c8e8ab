"""Processes a batch of messages: stores events, inbox rows and positions in one transaction.

The batch is first decided without a lock. The append takes the log's lock and keeps it until the
commit. Messages that conflict are decided again under the lock, so they cannot conflict twice.

Each message is applied to the current state of its account. A rejected message is parked for an
operator. Later messages need not wait for a parked message, since messages commute.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import assert_never

import psycopg

from txplatform.consumers.parsing import ParsedMessage, Rejection
from txplatform.contracts.inbound_messages import MessageStatus
from txplatform.domain.account import DecisionContext
from txplatform.domain.advices import Payment, PaymentReturn
from txplatform.domain.cause import CommandOrigin, MessageCause
from txplatform.domain.commands import Command
from txplatform.domain.commands.outcome import CommandRejectedError, Outcome, OutcomeStatus
from txplatform.domain.events.event import AdviceEvent
from txplatform.domain.rulesets import RulesNotUnderstoodError
from txplatform.errors import TxPlatformError
from txplatform.eventstore.query import run_queries
from txplatform.eventstore.statements import LOCK_LOG
from txplatform.inbox.contents import content_hmac, read_content_secret
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
            why="They conflict with the log, although its lock was held while they were decided.",
            next_step="Run `txplatform verify`, and report this.",
        )


@dataclass(frozen=True, slots=True)
class InboundBatch:
    """Messages of one Kafka cluster, and the position changes to commit with them."""

    cluster_id: str
    parsed_messages: Sequence[ParsedMessage]
    moves: Sequence[Move]


def process(
    connection: psycopg.Connection, cache: AccountCache, batch: InboundBatch
) -> tuple[list[MessageOutcome], UnitOfWork]:
    """Process a batch and commit.

    Accounts leave the cache until the commit, so the cache never holds uncommitted state.

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
            # Inbox rows are inserted under the log's lock, and no append has taken it.
            connection.execute(LOCK_LOG)
        messages = [parsed.message for parsed in batch.parsed_messages]
        secret = read_content_secret(connection)
        hmacs = [content_hmac(message, secret) for message in messages]
        outcomes = deduplicate_parked(
            connection, messages, hmacs, list(map(outcome_of, batch.parsed_messages, pending))
        )
        traceparents = [parsed.traceparent for parsed in batch.parsed_messages]
        record(connection, messages, hmacs, traceparents, outcomes)
        advance(connection, batch.cluster_id, batch.moves)
    work.cache_accounts()
    return outcomes, work


def decide_under_lock(
    connection: psycopg.Connection, work: UnitOfWork, commands: Sequence[PendingCommand]
) -> None:
    """Read accounts, decide commands and append events; the caller must hold the log's lock.

    Raises:
        ContradictionError: An event conflicts despite the lock; the caller must roll back.
    """
    for command in commands:
        command.look_up = True
    _run_commands(connection, work, commands)
    run_queries(connection, work.append())
    if work.conflicts:
        raise ContradictionError(work.conflicts)


def pending_command(parsed: ParsedMessage, *, retried: bool = False) -> PendingCommand | None:
    """Return a message's command, ready for execution; None if there is nothing to execute."""
    if isinstance(parsed.command, Rejection) or _is_prenote(parsed.command):
        return None
    message = parsed.message
    cause = MessageCause(message.topic, message.partition, message.offset, retried)
    return PendingCommand(parsed.command, CommandOrigin(cause, parsed.traceparent))


def outcome_of(parsed: ParsedMessage, pending: PendingCommand | None) -> MessageOutcome:
    """Return the outcome of a message after its command, if any, was executed."""
    command = parsed.command
    if isinstance(command, Rejection):
        return MessageOutcome(MessageStatus.PARKED, reason=command.reason, detail=command.detail)
    if pending is None:
        return MessageOutcome(MessageStatus.IGNORED, command.account_id, command.key)
    match pending.result:
        case Outcome(status, event, differing):
            return MessageOutcome(
                _STATUS_OF[status],
                command.account_id,
                command.key,
                None,
                f"Differs from the first copy in {', '.join(differing)}." if differing else None,
                event.event_id,
                event.originator_version,
                event.flags if isinstance(event, AdviceEvent) else (),
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


def _is_prenote(command: Command) -> bool:
    """Return whether a payment or return has amount 0: a bank's test, which moves nothing."""
    return isinstance(command, Payment | PaymentReturn) and command.amount == 0


def _run_commands(
    connection: psycopg.Connection, work: UnitOfWork, commands: Sequence[PendingCommand]
) -> None:
    now = datetime.now(UTC)

    def context_of(origin: CommandOrigin) -> DecisionContext:
        return DecisionContext(now, random_id, origin)

    execute_in_order(connection, work, commands, context_of, expect_copies=True)

"""Processes a batch of messages: stores events, inbox rows and positions in one transaction.

The batch is first decided without a lock. The append takes the log's lock and keeps it until the
commit. Messages that conflict are decided again under the lock, so they cannot conflict twice.

Each message is applied to the current state of its account. A rejected message is parked for an
operator. Later messages need not wait for a parked message, since messages commute.

A copy of a discarded message is not decided at all: a discard is permanent.

If an account fails, because its events cannot be read or because of a defect, its messages are
deferred: they are stored and tried again later (`deferred_messages.py`). Other accounts go on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

import psycopg

from txplatform.consumers.parsing import ParsedMessage, Rejection, account_of_key
from txplatform.consumers.payments_elsewhere import PaymentsElsewhere
from txplatform.contracts.inbound_messages import MessageStatus
from txplatform.domain.account import DecisionContext
from txplatform.domain.advices import Payment, PaymentReturn
from txplatform.domain.cause import CommandOrigin, MessageCause
from txplatform.domain.commands import Command
from txplatform.domain.commands.outcome import CommandRejectedError, Outcome, OutcomeStatus
from txplatform.domain.events.event import AdviceEvent
from txplatform.domain.ids import account_of
from txplatform.domain.rulesets import RulesNotUnderstoodError
from txplatform.errors import TxPlatformError
from txplatform.eventstore.query import run_queries
from txplatform.eventstore.statements import LOCK_LOG
from txplatform.inbox.contents import content_hmac, read_content_secret
from txplatform.inbox.message import ACCOUNT_UNREADABLE, INTERNAL_ERROR, MessageOutcome
from txplatform.inbox.parking import Discarded, deduplicate_parked, find_discarded
from txplatform.inbox.positions import Move, advance
from txplatform.inbox.writer import record
from txplatform.processing.account_cache import AccountCache
from txplatform.processing.execution import execute_one
from txplatform.processing.pending_command import PendingCommand
from txplatform.processing.read_set import AccountUnreadableError
from txplatform.processing.unit_of_work import UnitOfWork
from txplatform.random_ids import random_id

_STATUS_OF = {status: MessageStatus(status.value) for status in OutcomeStatus}


class ContradictionError(TxPlatformError):
    """Events conflict although they were decided under the log's lock; none were appended."""

    def __init__(self, stream: str) -> None:
        super().__init__(
            f"Events of account {account_of(stream)} cannot be appended.",
            why="They conflict with the log, although its lock was held while they were decided.",
            next_step="Run `txplatform verify`, and report this.",
        )


@dataclass(frozen=True, slots=True)
class InboundBatch:
    """Messages of one Kafka cluster, and the position changes to commit with them.

    Attributes:
        now: The time of the decisions by the database's clock, UTC.
    """

    cluster_id: str
    parsed_messages: Sequence[ParsedMessage]
    moves: Sequence[Move]
    now: datetime

    def with_messages(
        self, parsed_messages: Sequence[ParsedMessage], moves: Sequence[Move]
    ) -> "InboundBatch":
        """Return a part of the batch, or the batch with messages parsed in another way."""
        return replace(self, parsed_messages=parsed_messages, moves=moves)


def process(
    connection: psycopg.Connection,
    cache: AccountCache,
    batch: InboundBatch,
    *,
    withhold: bool = False,
) -> tuple[list[MessageOutcome], UnitOfWork]:
    """Process a batch and commit.

    Accounts leave the cache until the commit, so the cache never holds uncommitted state.

    Args:
        connection: A connection outside a transaction.
        cache: The cache of accounts.
        batch: The messages.
        withhold: True to store no contents, and neither account nor business key.

    Returns:
        The outcome of each message, in order, and the committed unit of work.

    Raises:
        FencedError: Another consumer has moved a position; nothing is stored.
        psycopg.Error: A statement failed; nothing is stored. See `isolation.py` if it is `REFUSED`.
    """
    messages = [parsed.message for parsed in batch.parsed_messages]
    work = UnitOfWork(cache)
    with connection.transaction():
        secret = read_content_secret(connection)
        hmacs = [content_hmac(message, secret) for message in messages]
        discarded = find_discarded(connection, hmacs)
        originals = [
            discarded.get((message.topic, digest))
            for message, digest in zip(messages, hmacs, strict=True)
        ]
        pending = [
            pending_command(parsed) if original is None else None
            for parsed, original in zip(batch.parsed_messages, originals, strict=True)
        ]
        commands = [command for command in pending if command is not None]
        elsewhere = PaymentsElsewhere(connection, commands)
        _run_commands(connection, work, commands, batch.now, elsewhere)
        run_queries(connection, work.append())
        if work.conflicts or work.failed or not work.events:
            # Needed for deciding again and for inserting inbox rows. If nothing was appended, the
            # append has not taken it.
            connection.execute(LOCK_LOG)
        # The failure of an account may be due to events that were appended meanwhile.
        if streams := work.conflicts.union(work.failed):
            work.failed.clear()
            again = [command for command in commands if command.stream in streams]
            decide_under_lock(connection, work, again, batch.now, elsewhere)
        outcomes = deduplicate_parked(
            connection,
            messages,
            hmacs,
            [
                outcome_of(parsed, command, work, original)
                for parsed, command, original in zip(
                    batch.parsed_messages, pending, originals, strict=True
                )
            ],
        )
        if withhold:
            outcomes = [each._replace(account_id=None, business_key=None) for each in outcomes]
        traceparents = [parsed.trace.traceparent for parsed in batch.parsed_messages]
        record(connection, messages, hmacs, traceparents, outcomes, withhold=withhold)
        advance(connection, batch.cluster_id, batch.moves)
    work.cache_accounts()
    return outcomes, work


def decide_under_lock(
    connection: psycopg.Connection,
    work: UnitOfWork,
    commands: Sequence[PendingCommand],
    now: datetime,
    elsewhere: PaymentsElsewhere,
) -> None:
    """Read accounts, decide commands and append events; the caller must hold the log's lock.

    An account whose events conflict despite the lock fails (`UnitOfWork.failed`).
    """
    for command in commands:
        command.look_up = True
    _run_commands(connection, work, commands, now, elsewhere)
    run_queries(connection, work.append())
    for stream in work.conflicts:
        work.fail(stream, ContradictionError(stream))


def pending_command(parsed: ParsedMessage, *, retried: bool = False) -> PendingCommand | None:
    """Return a message's command, ready for execution; None if there is nothing to execute."""
    if isinstance(parsed.command, Rejection) or _is_prenote(parsed.command):
        return None
    message = parsed.message
    cause = MessageCause(message.topic, message.partition, message.offset, retried)
    return PendingCommand(parsed.command, CommandOrigin(cause, *parsed.trace))


def outcome_of(
    parsed: ParsedMessage,
    pending: PendingCommand | None,
    work: UnitOfWork,
    original: Discarded | None,
) -> MessageOutcome:
    """Return the outcome of a message after its command, if any, was executed.

    Args:
        parsed: The message.
        pending: The executed command; None if there is nothing to execute.
        work: The unit of work in which it was executed.
        original: The discarded message of which this one is a copy, if any.
    """
    command = parsed.command
    if isinstance(command, Rejection):
        account_id = account_of_key(parsed.message.key) or command.account_id
        return MessageOutcome(
            MessageStatus.PARKED, account_id, command.key, command.reason, command.detail
        )
    if original is not None:
        return MessageOutcome(
            MessageStatus.DISCARDED,
            command.account_id,
            command.key,
            original.reason,
            f"The same as message {original.message_id}, which is discarded.",
        )
    if pending is None:
        return MessageOutcome(MessageStatus.IGNORED, command.account_id, command.key)
    if (error := work.failed.get(pending.stream)) is not None:
        return _deferred(command, error)
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


def _deferred(command: Command, error: Exception) -> MessageOutcome:
    unreadable = isinstance(error, AccountUnreadableError)
    return MessageOutcome(
        MessageStatus.WAITING,
        command.account_id,
        command.key,
        ACCOUNT_UNREADABLE if unreadable else INTERNAL_ERROR,
        str(error) if isinstance(error, TxPlatformError) else f"{type(error).__name__}.",
    )


def _is_prenote(command: Command) -> bool:
    """Return whether a payment or return has amount 0: a bank's test, which moves nothing."""
    return isinstance(command, Payment | PaymentReturn) and command.amount == 0


def _run_commands(
    connection: psycopg.Connection,
    work: UnitOfWork,
    commands: Sequence[PendingCommand],
    now: datetime,
    elsewhere: PaymentsElsewhere,
) -> None:
    for command in commands:
        work.include(command, expect_copies=True)
    run_queries(connection, work.load())
    for command in commands:
        command.result = elsewhere.refusal(command)
        if command.result is not None:
            continue
        context = DecisionContext(now, random_id, command.origin)
        try:
            execute_one(connection, work, command, context)
        except psycopg.Error:
            raise
        except Exception as error:  # noqa: BLE001  # fails the account, no other
            work.fail(command.stream, error)

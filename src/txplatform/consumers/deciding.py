"""From what messages ask to events in the log, and a outcome for each message.

Each message is always tried on the account's present state. One that is refused is parked
alone: messages commute, so nothing has to wait behind it.

Of an account that is remembered nothing is read for most messages: that others have appended to
it, or that a message is a copy, the log itself tells when it refuses what was decided.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import psycopg

from txplatform.consumers.parsing import ParsedMessage, Rejection
from txplatform.contracts.inbound_messages import MessageStatus
from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.advices import Clearing, Payment, Refund
from txplatform.domain.commands import Command
from txplatform.domain.commands.outcome import CommandRejectedError, Outcome, OutcomeStatus
from txplatform.domain.commands.prior_events import TransactionNotReadError
from txplatform.domain.events import AccountEvent
from txplatform.domain.ids import StreamId, account_stream
from txplatform.eventstore.batch import BatchStore, ReadSet, UnitOfWork, known_versions
from txplatform.eventstore.statements import LOCK_LOG
from txplatform.inbox.message_outcome import MessageOutcome
from txplatform.random_ids import random_id

_STATUS_OF = {status: MessageStatus(status.value) for status in OutcomeStatus}


@dataclass(slots=True)
class Decided:
    """What became of messages.

    Attributes:
        outcomes: One a message, in order.
        work: The accounts as they are after them.
        trusted: The streams whose accounts were taken as they were remembered.
        looked_at: How many accounts that were remembered were read all the same.
        behind: How many of these were behind the log.
        events: What was appended.
    """

    outcomes: list[MessageOutcome]
    work: UnitOfWork
    trusted: set[str]
    looked_at: int
    behind: int
    events: list[AccountEvent] = field(default_factory=list)


def decide(
    connection: psycopg.Connection,
    parsed_messages: Sequence[ParsedMessage],
    work: UnitOfWork,
    *,
    read_first: bool = True,
) -> Decided:
    """Decide messages on what is stored now; later ones see what earlier ones did.

    Args:
        connection: Its transaction is the caller's.
        parsed_messages: The messages.
        work: May hold accounts of theirs at any version that was committed.
        read_first: Whether to read also what the append would tell.
    """
    store = BatchStore(connection)
    read_set = ReadSet()
    for parsed in parsed_messages:
        command = parsed.command
        if isinstance(command, Rejection):
            continue
        stream = stream_of(command)
        if read_first or not _append_tells(command, work.accounts.get(stream)):
            read_set.look_up(stream, command.keys)
    remembered = known_versions(work.accounts, work.accounts.keys() & read_set.streams)
    trusted = work.accounts.keys() - read_set.streams
    if read_set.streams:
        store.read(work, read_set)
    behind = sum(work.accounts[stream].version != version for stream, version in remembered.items())
    now = datetime.now(UTC)
    outcomes = [
        MessageOutcome(
            MessageStatus.PARKED, reason=parsed.command.reason, detail=parsed.command.detail
        )
        if isinstance(parsed.command, Rejection)
        else _decide_one(
            store, work, parsed.command, DecisionContext(now, random_id, parsed.traceparent)
        )
        for parsed in parsed_messages
    ]
    return Decided(outcomes, work, trusted, len(remembered), behind)


def _append_tells(command: Command, account: Account | None) -> bool:
    """Whether the append finds out all that could be read before deciding this.

    It does where all that is decided on is the account, and what comes of it is an event. A
    refusal is no event: see `_decide_having_read`.
    """
    return (
        account is not None
        and account.opened
        and not account.waiting
        and isinstance(command, Payment | Clearing | Refund)
    )


def store_events(connection: psycopg.Connection, decided: Decided) -> set[str]:
    """Append what was decided; gives the streams whose events were left out.

    Someone else appended to these between reading and appending. The log's lock is held from
    here to the commit, events or not.
    """
    events = decided.work.collect()
    if not events:
        connection.execute(LOCK_LOG)
        return set()
    clashing = BatchStore(connection).append(events)
    decided.events += [event for event in events if event.originator_id not in clashing]
    return clashing


def stream_of(command: Command) -> StreamId:
    """The stream of the account that this is asked of."""
    return account_stream(command.account_id)


def _decide_one(
    store: BatchStore, work: UnitOfWork, command: Command, context: DecisionContext
) -> MessageOutcome:
    account_id, business_key = command.account_id, command.keys[0]
    try:
        outcome = _decide_having_read(store, work, command, context)
    except CommandRejectedError as error:
        return MessageOutcome(
            MessageStatus.PARKED, account_id, business_key, error.reason, error.detail
        )
    return MessageOutcome(
        _STATUS_OF[outcome.status],
        account_id,
        business_key,
        event_id=outcome.event.event_id,
        account_version=outcome.event.originator_version,
    )


def _decide_having_read(
    store: BatchStore, work: UnitOfWork, command: Command, context: DecisionContext
) -> Outcome:
    """Decide, reading on the way what turns out to be needed.

    That is a transaction, or for a refusal whether it is a copy of what was applied: nothing is
    appended of a refusal, so nothing would tell.
    """
    stream = stream_of(command)
    looked_up = False
    while True:
        read_set = ReadSet()
        try:
            return work.execute(stream, command, context)
        except TransactionNotReadError as missing:
            for transaction_id in missing.transaction_ids:
                read_set.look_up_transaction(stream, transaction_id)
        except CommandRejectedError:
            if looked_up:
                raise
            looked_up = True
            read_set.look_up(stream, command.keys)
        store.read(work, read_set)

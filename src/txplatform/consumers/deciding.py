"""From what messages ask to events in the log, and a verdict for each message.

Each message is always tried on the account's present state. One that is refused is parked
alone: messages commute, so nothing has to wait behind it.

Of an account that is remembered nothing is read for most messages: that others have appended to
it, or that a message is a copy, the log itself tells when it refuses what was decided.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from txplatform.consumers.reading import Refusal
from txplatform.consumers.verdict import MessageStatus, Verdict
from txplatform.domain.account import Stamp
from txplatform.domain.commands.clear_purchase import ClearPurchase
from txplatform.domain.commands.outcome import CommandRejectedError, Status
from txplatform.domain.commands.receive_payment import ReceivePayment
from txplatform.domain.commands.refund_purchase import RefundPurchase
from txplatform.domain.commands.stored import TransactionNotReadError
from txplatform.domain.ids import account_stream
from txplatform.eventstore.batch import BatchStore, Wanted, Workspace, known_versions
from txplatform.eventstore.statements import LOCK_LOG
from txplatform.random_ids import random_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg

    from txplatform.consumers.reading import Reading
    from txplatform.domain.account import Account
    from txplatform.domain.commands.outcome import Command, Outcome
    from txplatform.domain.events import AccountEvent
    from txplatform.domain.ids import StreamId

_STATUS_OF = {status: MessageStatus(status.value) for status in Status}


@dataclass(slots=True)
class Decided:
    """What became of messages.

    Attributes:
        verdicts: One a message, in order.
        workspace: The accounts as they are after them.
        trusted: The streams whose accounts were taken as they were remembered.
        looked_at: How many accounts that were remembered were read all the same.
        behind: How many of these were behind the log.
        events: What was appended.
    """

    verdicts: list[Verdict]
    workspace: Workspace
    trusted: set[str]
    looked_at: int
    behind: int
    events: list[AccountEvent] = field(default_factory=list)


def decide(
    connection: psycopg.Connection,
    readings: Sequence[Reading],
    workspace: Workspace,
    *,
    read_first: bool = True,
) -> Decided:
    """Decide messages on what is stored now; later ones see what earlier ones did.

    Args:
        connection: Its transaction is the caller's.
        readings: The messages.
        workspace: May hold accounts of theirs at any version that was committed.
        read_first: Whether to read also what the append would tell.
    """
    store = BatchStore(connection)
    wanted = Wanted()
    for reading in readings:
        command = reading.asks
        if isinstance(command, Refusal):
            continue
        stream = stream_of(command)
        if read_first or not _append_tells(command, workspace.accounts.get(stream)):
            wanted.look_up(stream, command.keys)
    remembered = known_versions(workspace.accounts, workspace.accounts.keys() & wanted.streams)
    trusted = workspace.accounts.keys() - wanted.streams
    if wanted.streams:
        store.read(workspace, wanted)
    behind = sum(
        workspace.accounts[stream].version != version for stream, version in remembered.items()
    )
    now = datetime.now(UTC)
    verdicts = [
        Verdict(MessageStatus.PARKED, reason=reading.asks.reason, detail=reading.asks.detail)
        if isinstance(reading.asks, Refusal)
        else _decide_one(store, workspace, reading.asks, Stamp(now, random_id, reading.traceparent))
        for reading in readings
    ]
    return Decided(verdicts, workspace, trusted, len(remembered), behind)


def _append_tells(command: Command, account: Account | None) -> bool:
    """Whether the append finds out all that could be read before deciding this.

    It does where all that is decided on is the account, and what comes of it is an event. A
    refusal is no event: see `_decide_having_read`.
    """
    return (
        account is not None
        and account.opened
        and not account.waiting
        and isinstance(command, ReceivePayment | ClearPurchase | RefundPurchase)
    )


def store_events(connection: psycopg.Connection, decided: Decided) -> set[str]:
    """Append what was decided; gives the streams whose events were left out.

    Someone else appended to these between reading and appending. The log's lock is held from
    here to the commit, events or not.
    """
    events = decided.workspace.collect()
    if not events:
        connection.execute(LOCK_LOG)
        return set()
    clashing = BatchStore(connection).append(events)
    decided.events += [event for event in events if event.originator_id not in clashing]
    return clashing


def stream_of(command: Command) -> StreamId:
    """The stream of the account that this is asked of."""
    return account_stream(command.account_id)


def _decide_one(store: BatchStore, workspace: Workspace, command: Command, stamp: Stamp) -> Verdict:
    account_id, business_key = command.account_id, command.keys[0]
    try:
        outcome = _decide_having_read(store, workspace, command, stamp)
    except CommandRejectedError as error:
        return Verdict(MessageStatus.PARKED, account_id, business_key, error.reason, error.detail)
    return Verdict(
        _STATUS_OF[outcome.status],
        account_id,
        business_key,
        event_id=outcome.event.event_id,
        account_version=outcome.event.originator_version,
    )


def _decide_having_read(
    store: BatchStore, workspace: Workspace, command: Command, stamp: Stamp
) -> Outcome:
    """Decide, reading on the way what turns out to be needed.

    That is a transaction, or for a refusal whether it is a copy of what was applied: nothing is
    appended of a refusal, so nothing would tell.
    """
    stream = stream_of(command)
    looked_up = False
    while True:
        wanted = Wanted()
        try:
            return workspace.decide(stream, command, stamp)
        except TransactionNotReadError as missing:
            for transaction_id in missing.transaction_ids:
                wanted.look_up_transaction(stream, transaction_id)
        except CommandRejectedError:
            if looked_up:
                raise
            looked_up = True
            wanted.look_up(stream, command.keys)
        store.read(workspace, wanted)

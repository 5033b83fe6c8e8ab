"""Retries or discards a parked or deferred message."""

import psycopg

from txplatform.consumers.batch_processor import decide_under_lock, outcome_of, pending_command
from txplatform.consumers.parsing import read_message
from txplatform.contracts.inbound_messages import MessageStatus
from txplatform.database_clock import database_time
from txplatform.errors import TxPlatformError
from txplatform.eventstore.statements import LOCK_LOG
from txplatform.inbox.message import MessageOutcome
from txplatform.inbox.reader import StoredMessage, stored_message
from txplatform.inbox.writer import discard, settle
from txplatform.processing.unit_of_work import UnitOfWork


class NotParkedError(TxPlatformError):
    """The message does not exist, or is neither parked nor deferred."""


def retry_message(connection: psycopg.Connection, message_id: int) -> MessageOutcome:
    """Process a parked or deferred message again; if rejected, the message is parked.

    Raises:
        NotParkedError: The message does not exist, or is neither parked nor deferred.
        Exception: The account still fails; nothing is stored.
    """
    with connection.transaction():
        connection.execute(LOCK_LOG)
        stored = _unsettled(connection, message_id)
        parsed = read_message(stored.received)
        command = pending_command(parsed, retried=True)
        work = UnitOfWork()
        if command is not None:
            decide_under_lock(connection, work, [command], database_time(connection))
        for error in work.failed.values():
            raise error
        outcome = outcome_of(parsed, command, work)
        if outcome.status is not stored.summary.status or stored.deferred:
            settle(connection, message_id, outcome)
    return outcome


def discard_message(connection: psycopg.Connection, message_id: int, why: str) -> None:
    """Discard a parked or deferred message permanently; later copies will be discarded too.

    Raises:
        NotParkedError: The message does not exist, or is neither parked nor deferred.
    """
    with connection.transaction():
        _unsettled(connection, message_id)
        discard(connection, message_id, why)


def _unsettled(connection: psycopg.Connection, message_id: int) -> StoredMessage:
    stored = stored_message(connection, message_id, for_update=True)
    if stored is None:
        raise NotParkedError(
            f"There is no message {message_id}.",
            next_step="List the parked messages with `txplatform inbound list`.",
        )
    if stored.summary.status is not MessageStatus.PARKED and not stored.deferred:
        raise NotParkedError(
            f"Message {message_id} is {stored.summary.status.value}, not parked.",
            why="Only parked and deferred messages can be retried or discarded.",
            next_step=f"See `txplatform inbound show {message_id}`.",
        )
    return stored

"""Retry or discard a parked message, as a person decides."""

from __future__ import annotations

import psycopg

from txplatform.consumers import TOPICS
from txplatform.consumers.batch_processor import decide_under_lock, outcome_of, pending_command
from txplatform.consumers.parsing import read_message
from txplatform.contracts.inbound_messages import MessageStatus
from txplatform.errors import TxPlatformError
from txplatform.eventstore.statements import LOCK_LOG
from txplatform.inbox.message_outcome import MessageOutcome
from txplatform.inbox.reader import StoredMessage, stored_message
from txplatform.inbox.writer import discard, settle
from txplatform.processing.unit_of_work import UnitOfWork


class NotParkedError(TxPlatformError):
    """There is no such parked message."""


def retry_message(connection: psycopg.Connection, message_id: int) -> MessageOutcome:
    """Try a parked message on the account as it is now; if it is rejected again, it stays parked.

    Raises:
        NotParkedError: There is no such message, or it is not parked.
    """
    with connection.transaction():
        connection.execute(LOCK_LOG)
        stored = _parked(connection, message_id)
        parsed = read_message(stored.received, TOPICS[stored.received.topic])
        command = pending_command(parsed, retried=True)
        if command is not None:
            decide_under_lock(connection, UnitOfWork(), [command])
        outcome = outcome_of(parsed, command)
        if outcome.status is not MessageStatus.PARKED:
            settle(connection, message_id, outcome)
    return outcome


def discard_message(connection: psycopg.Connection, message_id: int, why: str) -> None:
    """Give a parked message up, for good: the same contents are not parked again.

    Raises:
        NotParkedError: There is no such message, or it is not parked.
    """
    with connection.transaction():
        _parked(connection, message_id)
        discard(connection, message_id, why)


def _parked(connection: psycopg.Connection, message_id: int) -> StoredMessage:
    stored = stored_message(connection, message_id, for_update=True)
    if stored is None:
        raise NotParkedError(
            f"There is no message {message_id}.",
            next_step="See `txplatform inbound list` for those that are parked.",
        )
    if stored.summary.status is not MessageStatus.PARKED:
        raise NotParkedError(
            f"Message {message_id} is {stored.summary.status.value}, not parked.",
            why="Only parked messages can be retried or discarded.",
            next_step=f"See `txplatform inbound show {message_id}`.",
        )
    return stored

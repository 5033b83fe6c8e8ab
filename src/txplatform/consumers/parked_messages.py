"""Retries or discards a parked message for an operator."""

import psycopg

from txplatform.consumers.batch_processor import decide_under_lock, outcome_of, pending_command
from txplatform.consumers.parsing import read_message
from txplatform.contracts.inbound_messages import MessageStatus
from txplatform.errors import TxPlatformError
from txplatform.eventstore.statements import LOCK_LOG
from txplatform.inbox.message import MessageOutcome
from txplatform.inbox.reader import StoredMessage, stored_message
from txplatform.inbox.writer import discard, settle
from txplatform.processing.unit_of_work import UnitOfWork


class NotParkedError(TxPlatformError):
    """The message does not exist or is not parked."""


class ContentsWithheldError(TxPlatformError):
    """The message held a card number, so the contents to retry were not stored."""


def retry_message(connection: psycopg.Connection, message_id: int) -> MessageOutcome:
    """Process a parked message again; if rejected again, the message stays parked.

    Raises:
        NotParkedError: The message does not exist or is not parked.
        ContentsWithheldError: The message's contents are not stored.
    """
    with connection.transaction():
        connection.execute(LOCK_LOG)
        stored = _parked(connection, message_id)
        if stored.summary.withheld:
            raise ContentsWithheldError(
                f"Message {message_id} cannot be retried.",
                why="It held a card number, so its contents were not stored.",
                next_step="Have it sent again without the card number, then discard it.",
            )
        parsed = read_message(stored.received)
        command = pending_command(parsed, retried=True)
        if command is not None:
            decide_under_lock(connection, UnitOfWork(), [command])
        outcome = outcome_of(parsed, command)
        if outcome.status is not MessageStatus.PARKED:
            settle(connection, message_id, outcome)
    return outcome


def discard_message(connection: psycopg.Connection, message_id: int, why: str) -> None:
    """Discard a parked message permanently; later copies will be discarded too.

    Raises:
        NotParkedError: The message does not exist or is not parked.
    """
    with connection.transaction():
        _parked(connection, message_id)
        discard(connection, message_id, why)


def _parked(connection: psycopg.Connection, message_id: int) -> StoredMessage:
    stored = stored_message(connection, message_id, for_update=True)
    if stored is None:
        raise NotParkedError(
            f"There is no message {message_id}.",
            next_step="List the parked messages with `txplatform inbound list`.",
        )
    if stored.summary.status is not MessageStatus.PARKED:
        raise NotParkedError(
            f"Message {message_id} is {stored.summary.status.value}, not parked.",
            why="Only parked messages can be retried or discarded.",
            next_step=f"See `txplatform inbound show {message_id}`.",
        )
    return stored

"""Retries or discards a parked or deferred message."""

from collections.abc import Collection
from time import monotonic

import psycopg

from txplatform.consumers.batch_processor import decide_under_lock, outcome_of, pending_command
from txplatform.consumers.parsing import read_message
from txplatform.consumers.payments_elsewhere import PaymentsElsewhere
from txplatform.contracts.inbound_messages import MessageStatus
from txplatform.contracts.inbound_resolutions import RetryResponse
from txplatform.database import REFUSED, describe_refusal
from txplatform.database_clock import database_time
from txplatform.errors import TxPlatformError
from txplatform.eventstore.statements import LOCK_LOG
from txplatform.inbox.contents import content_hmac, read_content_secret
from txplatform.inbox.message import REFUSED_BY_DATABASE, MessageOutcome, Resolver
from txplatform.inbox.parking import find_discarded
from txplatform.inbox.reader import StoredMessage, parked_ids, stored_message
from txplatform.inbox.writer import discard, settle
from txplatform.processing.unit_of_work import UnitOfWork


class NoSuchMessageError(TxPlatformError):
    """The inbox has no message with this id."""

    def __init__(self) -> None:
        super().__init__(
            "There is no message with this id.",
            next_step="List all messages with `txplatform inbound list --status all`"
            " or GET /v1/inbound-messages.",
        )


class NotParkedError(TxPlatformError):
    """The message is neither parked nor deferred."""


class ContentsDroppedError(TxPlatformError):
    """The message is so old that its contents were dropped."""


class ContentsWithheldError(TxPlatformError):
    """The contents to retry were not stored: they held a card number, or were refused."""


def retry_message(connection: psycopg.Connection, message_id: int, by: Resolver) -> MessageOutcome:
    """Process a parked or deferred message again; if rejected, the message is parked.

    If a copy was discarded meanwhile, the message is discarded too. If the database refuses a value
    of the message, it is parked.

    Raises:
        NoSuchMessageError: The inbox has no message with this id.
        NotParkedError: The message is neither parked nor deferred.
        ContentsWithheldError: The message's contents were never stored.
        ContentsDroppedError: The message's contents were dropped.
        Exception: The account still fails; nothing is stored.
    """
    try:
        return _retry(connection, message_id, by)
    except REFUSED as error:
        why = describe_refusal(error)
    outcome = MessageOutcome(MessageStatus.PARKED, reason=REFUSED_BY_DATABASE, detail=why)
    with connection.transaction():
        connection.execute(LOCK_LOG)
        _unsettled(connection, message_id)
        settle(connection, message_id, outcome, by)
    return outcome


def _retry(connection: psycopg.Connection, message_id: int, by: Resolver) -> MessageOutcome:
    with connection.transaction():
        connection.execute(LOCK_LOG)
        stored = _unsettled(connection, message_id)
        if stored.summary.withheld:
            raise ContentsWithheldError(
                "The message cannot be retried.",
                why="Its contents were not stored: they held a card number or were refused.",
                next_step="Have it sent again without that, then discard it.",
            )
        if not stored.has_contents:
            raise ContentsDroppedError(
                "The message cannot be retried.",
                why="Its contents were dropped, since it is too old.",
                next_step="Have it sent again, then discard this one.",
            )
        parsed = read_message(stored.received)
        digest = content_hmac(stored.received, read_content_secret(connection))
        discarded = find_discarded(connection, [digest])
        original = discarded.get((stored.received.topic, digest))
        command = pending_command(parsed, retried=True) if original is None else None
        work = UnitOfWork()
        if command is not None:
            elsewhere = PaymentsElsewhere(connection, [command])
            now = database_time(connection)
            decide_under_lock(connection, work, [command], now, elsewhere)
        for error in work.failed.values():
            raise error
        outcome = outcome_of(parsed, command, work, original)
        if outcome.status is not stored.summary.status or stored.deferred:
            settle(connection, message_id, outcome, by)
    return outcome


def retry_parked(  # noqa: PLR0913  # two of them end the call in time
    connection: psycopg.Connection,
    *,
    topic: str,
    reason: str,
    by: Resolver,
    after_id: int,
    until_s: float,
    accounts: Collection[str] | None = None,
) -> RetryResponse:
    """Retry the parked messages of a topic and a reason, in order of id.

    Args:
        connection: A connection outside a database transaction.
        topic: The messages' topic.
        reason: The messages' reason.
        by: Who retries them.
        after_id: Only messages with greater ids are retried.
        until_s: The `monotonic` time after which no further message is tried.
        accounts: The only accounts whose messages are tried; None for all messages.
    """
    settled = parked = 0
    while ids := parked_ids(connection, topic, reason, after_id, accounts):
        for message_id in ids:
            if monotonic() > until_s:
                return RetryResponse(settled, parked, after_id)
            try:
                outcome = retry_message(connection, message_id, by)
            except psycopg.Error:
                raise
            except Exception:  # noqa: BLE001  # one message holds up no other
                parked += 1
            else:
                still = outcome.status is MessageStatus.PARKED
                settled, parked = settled + (not still), parked + still
            after_id = message_id
    return RetryResponse(settled, parked, None)


def discard_message(
    connection: psycopg.Connection, message_id: int, why: str, by: Resolver
) -> None:
    """Discard a parked or deferred message permanently; later copies will be discarded too.

    Raises:
        NoSuchMessageError: The inbox has no message with this id.
        NotParkedError: The message is neither parked nor deferred.
    """
    with connection.transaction():
        _unsettled(connection, message_id)
        discard(connection, message_id, why, by)


def _unsettled(connection: psycopg.Connection, message_id: int) -> StoredMessage:
    stored = stored_message(connection, message_id, for_update=True)
    if stored is None:
        raise NoSuchMessageError
    if stored.summary.status is not MessageStatus.PARKED and not stored.deferred:
        raise NotParkedError(
            f"The message is {stored.summary.status.value}, not parked.",
            why="Only parked and deferred messages can be retried or discarded.",
            next_step="No action needed. `txplatform inbound show` has its outcome.",
        )
    return stored

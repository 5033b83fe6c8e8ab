"""Process a batch of messages, and park the one that the database refuses.

If the database refuses a batch, the batch is halved until the refused message is alone. Each part
is a transaction of its own, so no part holds the event log's lock for longer than a whole batch.
"""

from collections.abc import Iterator, Sequence

import psycopg

from txplatform.consumers.batch_processor import InboundBatch, process
from txplatform.consumers.parsing import ParsedMessage, Rejection
from txplatform.database import REFUSED, describe_refusal
from txplatform.inbox.message import REFUSED_BY_DATABASE, MessageOutcome
from txplatform.processing.account_cache import AccountCache
from txplatform.processing.unit_of_work import UnitOfWork

Processed = tuple[InboundBatch, list[MessageOutcome], UnitOfWork]
"""A committed part of a batch, the outcome of each of its messages, and its unit of work."""


def process_in_parts(
    connection: psycopg.Connection, cache: AccountCache, batch: InboundBatch
) -> Iterator[Processed]:
    """Process a batch and yield each committed part.

    The batch is one part, unless the database refuses it. A message that is refused alone is
    parked. If the database refuses its contents too, the contents are not stored.

    Raises:
        FencedError: Another consumer has moved a position; the remaining parts are not stored.
        psycopg.Error: A statement failed for another reason than a message.
    """
    try:
        done = (batch, *process(connection, cache, batch))
    except REFUSED as error:
        if len(batch.parsed_messages) > 1:
            for half in _halves(batch):
                yield from process_in_parts(connection, cache, half)
            return
        if not batch.parsed_messages:
            raise
        done = _park(connection, cache, batch, error)
    yield done


def _park(
    connection: psycopg.Connection, cache: AccountCache, batch: InboundBatch, error: Exception
) -> Processed:
    (parsed,) = batch.parsed_messages
    command = parsed.command
    account_id, key = command.account_id, command.key
    rejection = Rejection(REFUSED_BY_DATABASE, describe_refusal(error), account_id, key)
    rejected = batch.with_messages([parsed._replace(command=rejection)], batch.moves)
    try:
        return (rejected, *process(connection, cache, rejected))
    except REFUSED:
        return (rejected, *process(connection, cache, rejected, withhold=True))


def _halves(batch: InboundBatch) -> tuple[InboundBatch, InboundBatch]:
    """Split a batch of at least two messages.

    The first half moves the positions past its own messages, and the second half moves them to the
    ends of the batch.
    """
    middle = len(batch.parsed_messages) // 2
    first, second = batch.parsed_messages[:middle], batch.parsed_messages[middle:]
    reached = _reached(first)
    before, after = [], []
    for move in batch.moves:
        end = reached.get((move.topic, move.partition), move.expected)
        if end != move.expected:
            before.append(move._replace(next_offset=end))
        if end != move.next_offset:
            after.append(move._replace(expected=end))
    return batch.with_messages(first, before), batch.with_messages(second, after)


def _reached(parsed_messages: Sequence[ParsedMessage]) -> dict[tuple[str, int], int]:
    return {
        (parsed.message.topic, parsed.message.partition): parsed.message.offset + 1
        for parsed in parsed_messages
    }

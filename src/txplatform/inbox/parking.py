"""Ensures that only the first of identical rejected messages is parked for an operator.

A copy of a parked message becomes a duplicate; a copy of a discarded message is discarded.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import psycopg

from txplatform.contracts.inbound_messages import MessageStatus
from txplatform.inbox.message import MessageOutcome, ReceivedMessage

_SAME_CONTENTS = """
SELECT m.topic, m.content_hmac, m.id, m.status
FROM unnest(%s::bytea[]) AS wanted (content_hmac) CROSS JOIN LATERAL (
    SELECT topic, content_hmac, id, status
    FROM inbound_messages
    WHERE (content_hmac, id) >= (wanted.content_hmac, 0::bigint)
      AND (content_hmac, id) <= (wanted.content_hmac, 9223372036854775807)
      AND status IN ('parked', 'discarded', 'waiting')
    OFFSET 0
) m
ORDER BY m.status <> 'discarded', m.id
"""
"""Only the index of contents can serve the comparison of rows (see `row_equals`)."""

_Contents = tuple[str, bytes]
"""The topic of a message and the HMAC of its key and body, which are equal for copies."""


class _Repeat(NamedTuple):
    """The status to give to copies of a message, and a text that names the original."""

    status: MessageStatus
    first: str


def deduplicate_parked(
    connection: psycopg.Connection,
    messages: Sequence[ReceivedMessage],
    hmacs: Sequence[bytes],
    outcomes: Sequence[MessageOutcome],
) -> list[MessageOutcome]:
    """Replace the outcome `parked` for copies of messages already parked or discarded.

    Args:
        connection: A connection in the transaction that records the messages.
        messages: The messages.
        hmacs: The HMAC of each message's contents.
        outcomes: The outcome of each message.
    """
    result = list(outcomes)
    parked = [at for at, each in enumerate(outcomes) if each.status is MessageStatus.PARKED]
    if not parked:
        return result
    repeats = _repeats_of_stored(connection, {hmacs[at] for at in parked})
    for at in parked:
        outcome = outcomes[at]
        contents = (messages[at].topic, hmacs[at])
        if (repeat := repeats.get(contents)) is None:
            repeats[contents] = _Repeat(
                MessageStatus.DUPLICATE, "an earlier message of its batch, which is parked"
            )
        else:
            detail = f"The same as {repeat.first}: {outcome.detail}"
            result[at] = outcome._replace(status=repeat.status, detail=detail)
    return result


def _repeats_of_stored(
    connection: psycopg.Connection, hmacs: Iterable[bytes]
) -> dict[_Contents, _Repeat]:
    """Look up the stored originals of messages that have just been rejected.

    An original with status `waiting` counts as parked: its wait has ended in a rejection too. If
    the original had been applied, the copy would be a duplicate, not rejected.
    """
    found: dict[_Contents, _Repeat] = {}
    for topic, hmac, message_id, status in connection.execute(_SAME_CONTENTS, (list(hmacs),)):
        found.setdefault(
            (topic, hmac),
            _Repeat(MessageStatus.DISCARDED, f"message {message_id}, which is discarded")
            if status == MessageStatus.DISCARDED
            else _Repeat(MessageStatus.DUPLICATE, f"message {message_id}, which is parked"),
        )
    return found

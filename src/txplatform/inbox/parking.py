"""Recognises copies of messages that were parked or discarded.

Only the first of identical rejected messages is parked for an operator; a copy becomes a duplicate.
A copy of a discarded message is discarded, even if it could be applied now.
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

_OF_HEADERS = ("unreadable_headers", "wrong_type", "unsupported_envelope")
"""The reasons that a copy with other headers need not have."""

_DISCARDED = f"""
SELECT m.topic, m.content_hmac, m.id, m.reason
FROM unnest(%b::bytea[]) AS wanted (content_hmac) CROSS JOIN LATERAL (
    SELECT topic, content_hmac, id, reason
    FROM inbound_messages
    WHERE (content_hmac, id) >= (wanted.content_hmac, 0::bigint)
      AND (content_hmac, id) <= (wanted.content_hmac, 9223372036854775807)
      AND status = 'discarded' AND coalesce(reason, '') NOT IN {_OF_HEADERS}
    OFFSET 0
) m
WHERE EXISTS (SELECT FROM inbound_messages WHERE status = 'discarded')
ORDER BY m.id
"""  # constants of this module; a tuple of texts is written as in SQL
"""If no message is discarded, none is looked up."""

_Contents = tuple[str, bytes]
"""The topic of a message and the HMAC of its key and body, which are equal for copies."""


class Discarded(NamedTuple):
    """A discarded message, and the reason in its row."""

    message_id: int
    reason: str | None


class _Repeat(NamedTuple):
    """The status to give to copies of a message, and a text that names the original."""

    status: MessageStatus
    first: str


def find_discarded(
    connection: psycopg.Connection, hmacs: Sequence[bytes]
) -> dict[_Contents, Discarded]:
    """Return the discarded messages of which messages with these contents would be copies.

    Messages that were discarded for a fault of their headers are left out: a copy with the same
    headers is rejected again, and one with good headers may be applied.
    """
    found: dict[_Contents, Discarded] = {}
    cursor = connection.cursor(binary=True)
    for topic, hmac, *original in cursor.execute(_DISCARDED, (hmacs,), prepare=True):
        found.setdefault((topic, hmac), Discarded(*original))
    return found


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

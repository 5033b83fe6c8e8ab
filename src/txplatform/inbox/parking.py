"""Ensures that only the first of identical rejected messages is parked for an operator.

A copy of a parked message becomes a duplicate; a copy of a discarded message is discarded.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import psycopg

from txplatform.contracts.inbound_messages import MessageStatus
from txplatform.inbox.message import MessageOutcome, ReceivedMessage

_SAME_CONTENTS = """
SELECT m.topic, m.key, m.content_sha256, m.id, m.status
FROM unnest(%s::bytea[]) AS wanted (content_sha256) CROSS JOIN LATERAL (
    SELECT topic, key, content_sha256, id, status
    FROM inbound_messages
    WHERE (content_sha256, id) >= (wanted.content_sha256, 0::bigint)
      AND (content_sha256, id) <= (wanted.content_sha256, 9223372036854775807)
      AND status IN ('parked', 'discarded', 'waiting')
    OFFSET 0
) m
ORDER BY m.status <> 'discarded', m.id
"""
"""Only the index of contents can serve the comparison of rows (see `row_equals`)."""

_Contents = tuple[str, bytes | None, bytes]
"""The topic, key and body hash of a message, which are equal for copies."""


class _Repeat(NamedTuple):
    """The status to give to copies of a message, and a text that names the original."""

    status: MessageStatus
    first: str


def deduplicate_parked(
    connection: psycopg.Connection,
    messages: Sequence[ReceivedMessage],
    outcomes: Sequence[MessageOutcome],
) -> list[MessageOutcome]:
    """Replace the outcome `parked` for copies of messages already parked or discarded."""
    result = list(outcomes)
    parked = [at for at, each in enumerate(outcomes) if each.status is MessageStatus.PARKED]
    if not parked:
        return result
    repeats = _repeats_of_stored(connection, [messages[at] for at in parked])
    for at in parked:
        message, outcome = messages[at], outcomes[at]
        contents = (message.topic, message.key, message.content_sha256)
        if (repeat := repeats.get(contents)) is None:
            repeats[contents] = _Repeat(
                MessageStatus.DUPLICATE, "an earlier message of its batch, which is parked"
            )
        else:
            detail = f"The same as {repeat.first}: {outcome.detail}"
            result[at] = outcome._replace(status=repeat.status, detail=detail)
    return result


def _repeats_of_stored(
    connection: psycopg.Connection, messages: Iterable[ReceivedMessage]
) -> dict[_Contents, _Repeat]:
    """Look up the stored originals of messages that have just been rejected.

    An original with status `waiting` counts as parked: its wait has ended in a rejection too. If
    the original had been applied, the copy would be a duplicate, not rejected.
    """
    digests = list({message.content_sha256 for message in messages})
    found: dict[_Contents, _Repeat] = {}
    for *contents, message_id, status in connection.execute(_SAME_CONTENTS, (digests,)):
        topic, key, digest = contents
        found.setdefault(
            (topic, key, digest),
            _Repeat(MessageStatus.DISCARDED, f"message {message_id}, which is discarded")
            if status == MessageStatus.DISCARDED
            else _Repeat(MessageStatus.DUPLICATE, f"message {message_id}, which is parked"),
        )
    return found

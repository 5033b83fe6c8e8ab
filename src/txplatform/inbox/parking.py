"""Parks the same contents once: repeats are duplicates, and discarded contents stay discarded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import psycopg

from txplatform.contracts.inbound_messages import MessageStatus
from txplatform.inbox.message_outcome import MessageOutcome
from txplatform.inbox.received_message import ReceivedMessage

_PARKED_BEFORE = """
SELECT topic, key, content_sha256, id, status
FROM inbound_messages
WHERE content_sha256 = ANY (%s) AND status IN ('parked', 'discarded', 'waiting')
ORDER BY id
"""


class _Contents(NamedTuple):
    """The contents of a message, by which copies of it are found."""

    topic: str
    key: bytes | None
    content_sha256: bytes

    @classmethod
    def of(cls, message: ReceivedMessage) -> _Contents:
        return cls(message.topic, message.key, message.content_sha256)


@dataclass(frozen=True, slots=True)
class _Earlier:
    """The earlier message with the same contents, and whether a person discarded it."""

    message_id: int
    discarded: bool


def deduplicate_parked(
    connection: psycopg.Connection,
    messages: Sequence[ReceivedMessage],
    outcomes: Sequence[MessageOutcome],
) -> list[MessageOutcome]:
    """Turn the outcome of each message that is to be parked, but was before, into another.

    Args:
        connection: Reads the inbox.
        messages: The messages of one batch, in order.
        outcomes: Of each, in the same order.
    """
    parked = [
        message
        for message, outcome in zip(messages, outcomes, strict=True)
        if outcome.status is MessageStatus.PARKED
    ]
    if not parked:
        return list(outcomes)
    earlier: dict[_Contents, _Earlier | None] = dict(_parked_before(connection, parked))
    result = []
    for message, outcome in zip(messages, outcomes, strict=True):
        if outcome.status is not MessageStatus.PARKED:
            result.append(outcome)
            continue
        contents = _Contents.of(message)
        if contents in earlier:
            result.append(_of_a_repeat(outcome, earlier[contents]))
        else:
            earlier[contents] = None
            result.append(outcome)
    return result


def _parked_before(
    connection: psycopg.Connection, messages: Iterable[ReceivedMessage]
) -> dict[_Contents, _Earlier]:
    """Find the earlier messages with these contents.

    One that is stored as waiting counts too: it is looked for only when the same contents are
    rejected now, so what it waited for has come and the log rejected it.
    """
    digests = list({message.content_sha256 for message in messages})
    found: dict[_Contents, _Earlier] = {}
    for topic, key, digest, message_id, status in connection.execute(_PARKED_BEFORE, (digests,)):
        contents = _Contents(topic, key, digest)
        earlier = _Earlier(message_id, discarded=status == MessageStatus.DISCARDED)
        if contents not in found or (earlier.discarded and not found[contents].discarded):
            found[contents] = earlier
    return found


def _of_a_repeat(outcome: MessageOutcome, first: _Earlier | None) -> MessageOutcome:
    if first is None:
        status, of_what = MessageStatus.DUPLICATE, "one that came just before it and is parked"
    elif first.discarded:
        status, of_what = MessageStatus.DISCARDED, f"message {first.message_id}, which is discarded"
    else:
        status, of_what = MessageStatus.DUPLICATE, f"message {first.message_id}, which is parked"
    return outcome._replace(status=status, detail=f"The same as {of_what}: {outcome.detail}")

"""Dead letters: messages as they came, with headers that say why they are here.

A dead letter goes to `<topic>.dlq` with its own key, body and headers.
"""

from __future__ import annotations

from collections.abc import Iterable

from txplatform.contracts.messages import INBOUND_TOPICS
from txplatform.publisher.feed import Header, Record

About = dict[str, "str | int | None"]
"""Headers that say what happened; those with None are left out."""

_SUFFIX = ".dlq"
DEAD_LETTER_TOPICS = tuple(topic + _SUFFIX for topic in INBOUND_TOPICS)


def dead_letter(
    topic: str,
    key: bytes | None,
    body: bytes | None,
    headers: Iterable[Header],
    about: About,
) -> Record:
    """Return the dead letter of a message.

    Args:
        topic: Where the message came from.
        key: As it came.
        body: As it came.
        headers: As they came.
        about: Further headers.
    """
    added = [(name, str(value).encode()) for name, value in about.items() if value is not None]
    return Record(topic + _SUFFIX, key, body, [*headers, ("dlq_topic", topic.encode()), *added])

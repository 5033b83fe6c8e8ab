"""What a dead letter looks like: the message as it came, and headers that say why.

It goes to `<topic>.dlq` with its own key, body and headers.
"""

from __future__ import annotations

from collections.abc import Iterable

from txplatform.consumers import TOPICS
from txplatform.publisher.feed import Header, Record

About = dict[str, "str | int | None"]
"""Headers that say what happened; None for what is not known."""

_SUFFIX = ".dlq"
DEAD_LETTER_TOPICS = tuple(topic + _SUFFIX for topic in TOPICS)


def dead_letter(
    topic: str,
    key: bytes | None,
    body: bytes | None,
    headers: Iterable[Header],
    about: About,
) -> Record:
    """The dead letter of a message.

    Args:
        topic: Where the message came from.
        key: As it came.
        body: As it came.
        headers: As they came.
        about: Further headers, which say why it is here.
    """
    told = [(name, str(value).encode()) for name, value in about.items() if value is not None]
    return Record(topic + _SUFFIX, key, body, [*headers, ("dlq_topic", topic.encode()), *told])

"""Dead letters: rejected messages, forwarded to `<topic>.dlq` with the reason in headers."""

from collections.abc import Iterable

from txplatform.contracts.messages import INBOUND
from txplatform.publisher.feed import Header, Record

About = dict[str, "str | int | None"]
"""Headers that describe the rejection; headers with the value None are left out."""

_SUFFIX = ".dlq"
DEAD_LETTER_TOPICS = tuple(topic + _SUFFIX for topic in INBOUND)


def dead_letter(
    topic: str,
    key: bytes | None,
    body: bytes | None,
    headers: Iterable[Header],
    about: About,
) -> Record:
    """Return a dead letter: the message's key, body and headers, plus the headers in `about`."""
    added = [(name, str(value).encode()) for name, value in about.items() if value is not None]
    return Record(topic + _SUFFIX, key, body, [*headers, ("dlq_topic", topic.encode()), *added])

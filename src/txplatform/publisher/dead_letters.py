"""Dead letters: rejected messages, forwarded to `<topic>.dlq` with the reason in headers."""

from collections.abc import Iterable

from txplatform.contracts.messages import INBOUND
from txplatform.inbox.contents import keepable
from txplatform.publisher.feed import Header, Record

About = dict[str, "str | int | None"]
"""Headers that describe the rejection; headers with the value None are left out."""

WITHHELD: About = {"dlq_withheld": "card_number"}
"""The header of a dead letter without the parts that held a card number."""


def dead_letter_topic(topic: str) -> str:
    """Return the topic of the dead letters of an inbound topic."""
    return f"{topic}.dlq"


DEAD_LETTER_TOPICS = tuple(map(dead_letter_topic, INBOUND))


def dead_letter(
    topic: str,
    key: bytes | None,
    body: bytes | None,
    headers: Iterable[Header],
    about: About,
) -> Record:
    """Return a dead letter: the message's key, body and headers, plus the headers in `about`.

    Parts that hold a card number are left out, and the header `dlq_withheld` says so.
    """
    contents = keepable(key, headers, body)
    if contents.withheld:
        about = {**about, **WITHHELD}
    added = [(name, str(value).encode()) for name, value in about.items() if value is not None]
    written = [*contents.headers, ("dlq_topic", topic.encode()), *added]
    return Record(dead_letter_topic(topic), contents.key, contents.body, written)

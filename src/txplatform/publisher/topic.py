"""One outbound topic: its name, the events that it publishes, and their records."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from txplatform.domain.events import AccountEvent
from txplatform.publisher.feed import Record

StoredEvent = tuple[int, str, int, str, bytes]
"""Position, stream, version, kind (the `TOPIC` of the event's class) and state, as stored."""

Encode = Callable[[int, str, int, str, bytes], Record]
"""Encodes a stored event as a record.

It takes the stored bytes: decoding them first would cost more than all the rest.
"""


@dataclass(frozen=True, slots=True)
class OutboundTopic:
    """A topic that we write.

    Attributes:
        name: The topic, and the CloudEvents type of its messages.
        events: The kinds of event that it publishes.
        body: The class of its messages' bodies, for the written contract.
        encode: Encodes such an event as a record.
    """

    name: str
    events: tuple[type[AccountEvent], ...]
    body: type
    encode: Encode

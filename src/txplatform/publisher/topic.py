"""One outbound topic: its name, which events it tells of, and their records."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from txplatform.domain.events import AccountEvent
from txplatform.publisher.feed import Record

StoredEvent = tuple[int, str, int, str, bytes]
"""Position, stream, version, kind (the `TOPIC` of the event's class) and state, as stored."""

RecordOf = Callable[[int, str, int, str, bytes], Record]
"""Makes the record of a stored event.

It is given what is stored: making the domain's objects first would cost more than all the rest.
"""


@dataclass(frozen=True, slots=True)
class OutboundTopic:
    """A topic that we write.

    Attributes:
        name: The topic, and the CloudEvents type of its messages.
        events: The kinds of event it tells of.
        body: What its messages hold, for the written contract.
        record_of: Makes the record of such an event.
    """

    name: str
    events: tuple[type[AccountEvent], ...]
    body: type
    record_of: RecordOf

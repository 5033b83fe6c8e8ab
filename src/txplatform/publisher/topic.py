"""Outbound topics: the events that each topic publishes, and their encoding."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from typing_extensions import override

from txplatform.contracts.cloudevents import binary_headers
from txplatform.contracts.encoding import rfc3339, to_json
from txplatform.domain.events import AccountEvent
from txplatform.domain.ids import account_of
from txplatform.eventstore.mapper import decode_event
from txplatform.publisher.feed import Header, Record

StoredEvent = tuple[int, str, int, str, bytes]
"""Position, stream, version, kind (the `TOPIC` of the event's class) and stored state."""


class OutboundBody(Protocol):
    """A dataclass that is the body of an outbound message."""

    TOPIC: ClassVar[str]


@dataclass(frozen=True, slots=True)
class OutboundTopic(ABC):
    """A topic that the publisher writes, defined by its body class and its kinds of events."""

    body: type[OutboundBody]
    events: tuple[type[AccountEvent], ...]

    @property
    def name(self) -> str:
        """The name of the topic, and the CloudEvents type of its messages."""
        return self.body.TOPIC

    @abstractmethod
    def encode(self, position: int, stream: str, version: int, kind: str, state: bytes) -> Record:
        """Encode a stored event as a record.

        Raises:
            ValueError: `state` is not an event of this kind.
        """


@dataclass(frozen=True, slots=True)
class EventTopic(OutboundTopic):
    """A topic whose message bodies are made from decoded events."""

    body_of: Callable[[Any], OutboundBody]

    @override
    def encode(self, position: int, stream: str, version: int, kind: str, state: bytes) -> Record:
        event = decode_event(stream, version, kind, state)
        headers = binary_headers(
            event_id=event.event_id,
            event_type=self.name,
            subject=account_of(stream),
            time=rfc3339(event.timestamp),
            trace=(event.traceparent, event.tracestate),
        )
        headers += position_headers(event.event_id, version, position)
        return Record(self.name, account_of(stream).encode(), to_json(self.body_of(event)), headers)


def position_headers(event_id: str, version: int, position: int) -> list[Header]:
    """Return the headers with an event's id, account version and log position."""
    return [
        ("event_id", event_id.encode()),
        ("account_version", b"%d" % version),
        ("log_position", b"%d" % position),
    ]

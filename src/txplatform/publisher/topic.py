"""An outbound topic: the events that it publishes and their encoding."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from txplatform.contracts.cloudevents import binary_headers
from txplatform.contracts.encoding import rfc3339, to_json
from txplatform.domain.events import AccountEvent
from txplatform.domain.ids import account_of
from txplatform.eventstore.mapper import decode_event
from txplatform.publisher.feed import Header, Record

StoredEvent = tuple[int, str, int, str, bytes]
"""Position, stream, version, kind (the `TOPIC` of the event's class) and state, as stored."""


class OutboundBody(Protocol):
    """The body of an outbound message, a dataclass."""

    TOPIC: ClassVar[str]


@dataclass(frozen=True, slots=True)
class OutboundTopic:
    """A topic that the platform writes.

    Attributes:
        body: The class of the messages' bodies.
        body_of: Makes a body from an event.
        events: The kinds of event that are published on the topic.
    """

    body: type[OutboundBody]
    body_of: Callable[[Any], OutboundBody]
    events: tuple[type[AccountEvent], ...]

    @property
    def name(self) -> str:
        """The topic's name, which is also the CloudEvents type of its messages."""
        return self.body.TOPIC

    def encode(self, position: int, stream: str, version: int, kind: str, state: bytes) -> Record:
        """Encode a stored event as a record.

        Raises:
            ValueError: The bytes are not an event of this kind.
        """
        event = decode_event(stream, version, kind, state)
        account_id = account_of(stream)
        headers: list[Header] = [
            *binary_headers(
                event_id=event.event_id,
                event_type=self.body.TOPIC,
                subject=account_id,
                time=rfc3339(event.timestamp),
                traceparent=event.traceparent,
            ),
            ("event_id", event.event_id.encode()),
            ("account_version", b"%d" % version),
            ("log_position", b"%d" % position),
        ]
        body = to_json(self.body_of(event))
        return Record(self.body.TOPIC, account_id.encode(), body, headers)

"""One outbound topic: its name, the events that it publishes, and their records."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from txplatform.contracts.cloudevents import binary_headers
from txplatform.contracts.encoding import to_json
from txplatform.contracts.times import rfc3339
from txplatform.domain.events import AccountEvent
from txplatform.domain.ids import account_of
from txplatform.eventstore.mapper import decode_event
from txplatform.publisher.feed import Header, Record

StoredEvent = tuple[int, str, int, str, bytes]
"""Position, stream, version, kind (the `TOPIC` of the event's class) and state, as stored."""

Encode = Callable[[int, str, int, str, bytes], Record]
"""Encodes a stored event as a record; the parameters are those of `StoredEvent`."""

Body = TypeVar("Body")


@dataclass(frozen=True, slots=True)
class OutboundTopic:
    """A topic that the platform writes.

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


def event_topic(
    name: str,
    body: type[Body],
    body_of: Callable[[Any], Body],
    *events: type[AccountEvent],
) -> OutboundTopic:
    """Return a topic whose messages are encoded from decoded events.

    That takes longer than the encoder in `transaction_decisioned.py`. Decisions are far more
    frequent than other events, so only they need it.

    Args:
        name: The topic's name.
        body: The class of the messages' bodies.
        body_of: Makes a body from an event.
        events: The kinds of event.
    """

    def encode(position: int, stream: str, version: int, kind: str, state: bytes) -> Record:
        event = decode_event(stream, version, kind, state)
        account_id = account_of(stream)
        headers: list[Header] = [
            *binary_headers(
                event_id=event.event_id,
                event_type=name,
                subject=account_id,
                time=rfc3339(event.timestamp),
                traceparent=event.traceparent,
            ),
            ("event_id", event.event_id.encode()),
            ("account_version", b"%d" % version),
            ("log_position", b"%d" % position),
        ]
        return Record(name, account_id.encode(), to_json(body_of(event)), headers)

    return OutboundTopic(name, events, body, encode)

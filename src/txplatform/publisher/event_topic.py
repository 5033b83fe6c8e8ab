"""Outbound topics whose messages are encoded from decoded events.

That takes longer than `stored_decision.py` needs for decisions, of which there are far more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from txplatform.contracts.cloudevents import binary_headers
from txplatform.contracts.encoding import to_json
from txplatform.contracts.times import rfc3339
from txplatform.domain.events import AccountEvent
from txplatform.domain.ids import account_of
from txplatform.eventstore.mapper import decode_event
from txplatform.publisher.feed import Header, Record
from txplatform.publisher.topic import OutboundTopic

Body = TypeVar("Body")


def event_topic(
    name: str,
    body: type[Body],
    body_of: Callable[[Any], Body],
    *events: type[AccountEvent],
) -> OutboundTopic:
    """Return a topic on which these events are published.

    Args:
        name: The topic's name.
        body: The class of its messages' bodies.
        body_of: Makes a body of an event.
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

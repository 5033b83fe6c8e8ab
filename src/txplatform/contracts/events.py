"""The log as others see it: one event, and pages of events."""

from __future__ import annotations

from dataclasses import dataclass
from inspect import cleandoc
from typing import Annotated, Any

import msgspec
from pydantic import WithJsonSchema

from txplatform.domain.cause import Cause

_, _CAUSES = msgspec.json.schema_components([Cause])
_CAUSE_SCHEMA: dict[str, Any] = {
    "anyOf": [{**each, "description": cleandoc(each["description"])} for each in _CAUSES.values()]
}


@dataclass(frozen=True, slots=True)
class EventResponse:
    """One event of the log.

    Attributes:
        cursor: Goes on behind this event; opaque.
        type: What happened.
        business_time: The time that the command says; null if it says none.
        decided_at: By the service's clock.
        recorded_at: By the database's clock.
        traceparent: W3C Trace Context of the request or message that caused it.
        caused_by: The API key, the Kafka message, or the part of the platform.
        data: The event's own fields.
    """

    cursor: str
    event_id: str
    type: str
    account_id: str
    account_version: int
    business_time: str | None
    decided_at: str
    recorded_at: str
    traceparent: str
    caused_by: Annotated[dict[str, Any], WithJsonSchema(_CAUSE_SCHEMA)]
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class EventsResponse:
    """Events in order.

    Attributes:
        next_cursor: Ask for what is `after` it; given at the end of the log too.
    """

    events: list[EventResponse]
    next_cursor: str


@dataclass(frozen=True, slots=True)
class AccountEventsResponse:
    """One account's events in order.

    Attributes:
        next_after_version: Ask for what is after it; null at the end of the stream.
    """

    events: list[EventResponse]
    next_after_version: int | None

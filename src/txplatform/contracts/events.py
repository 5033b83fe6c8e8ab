"""The log as others see it: one event, and pages of events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class EventResponse:
    """One event of the log.

    Attributes:
        cursor: Goes on behind this event; opaque.
        type: What happened.
        decided_at: By the service's clock.
        recorded_at: By the database's clock.
        data: The event's own fields.
    """

    cursor: str
    event_id: str
    type: str
    account_id: str
    account_version: int
    decided_at: str
    recorded_at: str
    traceparent: str
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

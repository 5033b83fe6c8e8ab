"""Responses with events from the log."""

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
        cursor: The place of this event in the whole log, as a cursor for `GET /v1/events` and its
            stream, which continue after the event.
        business_time: The business time given by the command, RFC 3339 UTC; null if none was given.
        decided_at: The time of the decision, from the service's clock, RFC 3339 UTC.
        recorded_at: The time of the insertion, from the database's clock, RFC 3339 UTC.
        traceparent: W3C Trace Context of the request or message that caused the event.
        caused_by: The API key, Kafka message, or part of the platform that caused the event.
        data: The fields specific to this type of event.
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
    """A page of the log or of one account's events, oldest first.

    Attributes:
        next_cursor: The cursor for the next page; never null, since more events may follow.
    """

    items: list[EventResponse]
    next_cursor: str

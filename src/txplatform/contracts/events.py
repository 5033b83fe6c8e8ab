"""Events of the log as responses, and pages of them."""

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
        cursor: The cursor of the events after this one; opaque.
        business_time: The business time in the command, RFC 3339 UTC; null if it has none.
        decided_at: RFC 3339 UTC, by the service's clock.
        recorded_at: RFC 3339 UTC, by the database's clock.
        traceparent: W3C Trace Context of the request or message that caused it.
        caused_by: The API key, the Kafka message, or the part of the platform that caused it.
        data: The fields of this type of event.
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
    """A page of the log, oldest first.

    Attributes:
        next_cursor: The `after` of the next page; never null, since events are added.
    """

    events: list[EventResponse]
    next_cursor: str


@dataclass(frozen=True, slots=True)
class AccountEventsResponse:
    """A page of one account's events, oldest first.

    Attributes:
        next_after_version: The `after_version` of the next page; null at the end of the stream.
    """

    events: list[EventResponse]
    next_after_version: int | None

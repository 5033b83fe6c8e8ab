"""Responses with events from the log."""

from dataclasses import dataclass
from inspect import cleandoc
from typing import Annotated, Any, ClassVar

import msgspec
from annotated_types import MaxLen
from pydantic import ConfigDict, WithJsonSchema

from txplatform.contracts import response_fields as out
from txplatform.contracts.cleaning import MAX_TEXT
from txplatform.contracts.json_schemas import JsonSchema, tagged_union
from txplatform.domain.cause import Cause
from txplatform.domain.money import MAX_EXACT

MAX_EVENTS = 1000
"""The most events of a page."""

_, _CAUSES = msgspec.json.schema_components([Cause])
_BOUNDS: dict[str, JsonSchema] = {
    "id": {"maxLength": 64},
    "name": {"maxLength": MAX_TEXT},
    "topic": {"maxLength": out.MAX_TOPIC},
    "partition": {"minimum": 0, "maximum": 2**31 - 1},
    "offset": {"minimum": 0, "maximum": MAX_EXACT},
}


def _cause(schema: JsonSchema) -> JsonSchema:
    """Complete the schema of a kind of cause, which msgspec makes without bounds."""
    properties = {name: each | _BOUNDS.get(name, {}) for name, each in schema["properties"].items()}
    (kind,) = properties["kind"]["enum"]
    return {
        **schema,
        "description": cleandoc(schema["description"]),
        "properties": properties | {"kind": {"type": "string", "const": kind}},
    }


CAUSE_SCHEMA = tagged_union(
    "Cause", "The cause of an event.", "kind", map(_cause, _CAUSES.values())
)


def _add_simulated(schema: JsonSchema) -> None:
    """Add the member of `SimulatedEventResponse` as an optional one."""
    schema["properties"]["simulated"] = {"type": "boolean"}


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
        simulated: True in the database of `txplatform demo`, whose events have simulated times;
            absent elsewhere.
    """

    __pydantic_config__: ClassVar = ConfigDict(json_schema_extra=_add_simulated)

    cursor: out.Cursor
    event_id: out.EventId
    type: out.EventName
    account_id: out.AccountId
    account_version: out.AccountVersion
    business_time: out.Time | None
    decided_at: out.Time
    recorded_at: out.Time
    traceparent: out.Traceparent
    caused_by: Annotated[dict[str, Any], WithJsonSchema(CAUSE_SCHEMA)]
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class SimulatedEventResponse(EventResponse):
    """An event with simulated times."""

    simulated: bool = True


@dataclass(frozen=True, slots=True)
class EventsResponse:
    """A page of the log or of one account's events, oldest first.

    Attributes:
        next_cursor: The cursor for the next page; never null, since more events may follow.
    """

    items: Annotated[list[EventResponse], MaxLen(MAX_EVENTS)]
    next_cursor: out.Cursor

"""The event log over HTTP: an account's events, and the whole log in pages or as a stream."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from typing import Annotated

import msgspec
import orjson
from fastapi import APIRouter, Header, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from txplatform.api import examples
from txplatform.api.authentication import authorization_header
from txplatform.api.dependencies import AccountIdPath, ServicesOf, requires
from txplatform.api.openapi_entries import documented
from txplatform.api.problems import ProblemError
from txplatform.api.responses import json_response
from txplatform.api.services import Services
from txplatform.api_keys import Scope
from txplatform.contracts.cursors import LOG_POSITIONS
from txplatform.contracts.encoding import rfc3339, rfc3339_or_none
from txplatform.contracts.events import AccountEventsResponse, EventResponse, EventsResponse
from txplatform.decisions.errors import StoreUnavailableError
from txplatform.domain.ids import AccountId, account_of, account_stream
from txplatform.eventstore.log import read_log, read_stream
from txplatform.eventstore.mapper import event_data
from txplatform.eventstore.statements import LoggedEvent

router = APIRouter(prefix="/v1", tags=["audit"], dependencies=[requires(Scope.AUDIT_READ)])

_POLL_S = 0.2
_HEARTBEAT_S = 15
_RECONNECT_MS = 1000
_STREAM_BATCH = 200

Limit = Annotated[int, Query(ge=1, le=1000, description="The maximum number of events to return.")]
After = Annotated[
    str | None, Query(description="A cursor; only events after it are returned.", max_length=64)
]


def event_response(logged: LoggedEvent) -> EventResponse:
    """Convert an event from the log to its API model."""
    event = logged.event
    return EventResponse(
        LOG_POSITIONS.write(logged.position),
        event.event_id,
        event.TOPIC,
        account_of(event.originator_id),
        event.originator_version,
        rfc3339_or_none(event.business_time),
        rfc3339(event.timestamp),
        rfc3339(logged.recorded_at),
        event.traceparent,
        msgspec.to_builtins(event.caused_by),
        event_data(event),
    )


_EVENT = event_response(LoggedEvent(4711, examples.AT, examples.APPROVED))
EXAMPLES = (EventsResponse([_EVENT], _EVENT.cursor), AccountEventsResponse([_EVENT], None))


@router.get(
    "/accounts/{account_id}/events", response_model=AccountEventsResponse, responses=documented()
)
async def read_account_events(
    services: ServicesOf,
    account_id: AccountIdPath,
    after_version: Annotated[
        int, Query(ge=0, le=2**62, description="Only events after this version are returned.")
    ] = 0,
    limit: Limit = 100,
) -> Response:
    """Return the account's events, oldest first; empty if the account has none."""
    stream = account_stream(AccountId(account_id))
    events = await services.queries.run(
        partial(read_stream, stream=stream, after=after_version, limit=limit)
    )
    more = events[-1].event.originator_version if len(events) == limit else None
    return json_response(AccountEventsResponse([event_response(event) for event in events], more))


@router.get("/events", response_model=EventsResponse, responses=documented())
async def read_events(
    services: ServicesOf,
    after: After = None,
    limit: Limit = 100,
) -> Response:
    """Return a page of the log. Events of the same account are in order."""
    position = _position(after)
    events = await services.queries.run(partial(read_log, after=position, limit=limit))
    items = [event_response(event) for event in events]
    cursor = items[-1].cursor if items else LOG_POSITIONS.write(position)
    return json_response(EventsResponse(items, cursor))


@router.get(
    "/events/stream",
    response_class=StreamingResponse,
    responses={
        200: {
            "content": {"text/event-stream": {}},
            "description": "Events as they are recorded, with `data` as in `GET /v1/events`.",
        },
        **documented(),
    },
)
async def stream_events(
    request: Request,
    services: ServicesOf,
    after: After = None,
    last_event_id: Annotated[
        str | None, Header(max_length=64, description="The last `id` received; overrides `after`.")
    ] = None,
) -> StreamingResponse:
    """Stream the log as Server-Sent Events. The `id` of each event is a cursor for resuming.

    The stream ends if the service stops, if the database is unavailable, or if the key is revoked.
    To resume, reconnect with `Last-Event-ID`.
    """
    position = _position(last_event_id or after)
    authorization = authorization_header(request.scope["headers"])
    return StreamingResponse(
        _stream(services, position, authorization),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def _position(cursor: str | None) -> int:
    return LOG_POSITIONS.read(cursor, "after") if cursor else 0


async def _stream(
    services: Services, position: int, authorization: bytes | None
) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    quiet_since = loop.time()
    yield b": begin\nretry: %d\n\n" % _RECONNECT_MS
    while not services.stopping.is_set():
        try:
            # Authenticate again: the key may have been revoked since the response began.
            await services.authenticator.authenticate(authorization, Scope.AUDIT_READ)
            events = await services.queries.run(
                partial(read_log, after=position, limit=_STREAM_BATCH)
            )
        except (ProblemError, StoreUnavailableError) as error:
            yield b": the stream ends here: %b\n\n" % error.what.encode()
            return
        for event in events:
            item = event_response(event)
            yield b"id: %b\nevent: %b\ndata: %b\n\n" % (
                item.cursor.encode(),
                item.type.encode(),
                orjson.dumps(item),
            )
            position = event.position
        if events:
            quiet_since = loop.time()
            continue
        if loop.time() - quiet_since > _HEARTBEAT_S:
            quiet_since = loop.time()
            yield b": still here\n\n"
        with suppress(TimeoutError):
            await asyncio.wait_for(services.stopping.wait(), _POLL_S)

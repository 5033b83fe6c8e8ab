"""The event log over HTTP: an account's events, and the whole log in pages or as a stream."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from functools import partial
from typing import Annotated, Any

import msgspec
import orjson
from fastapi import APIRouter, Header, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from txplatform.api import examples
from txplatform.api.authentication import authorization_header, require_scope
from txplatform.api.dependencies import AccountIdPath, ServicesOf, requires
from txplatform.api.lists import (
    Cursor,
    CursorText,
    documented_account_list,
    documented_list,
    read_opened_account,
)
from txplatform.api.log_tail import log_query, response_class
from txplatform.api.problems import ProblemError
from txplatform.api.rate_limits import StreamLimits
from txplatform.api.responses import json_response
from txplatform.api.services import Services
from txplatform.api_keys import ApiKey, Scope
from txplatform.contracts.cursors import Cursors
from txplatform.contracts.encoding import rfc3339, rfc3339_or_none
from txplatform.contracts.events import MAX_EVENTS, EventResponse, EventsResponse
from txplatform.contracts.problems import ProblemType
from txplatform.decisions.errors import StoreUnavailableError
from txplatform.domain.ids import AccountId, account_of, account_stream
from txplatform.eventstore.log import read_stream
from txplatform.eventstore.mapper import event_data
from txplatform.eventstore.statements import LoggedEvent

router = APIRouter(prefix="/v1", tags=["audit"])

_POLL_S = 0.2
_HEARTBEAT_S = 15
_RECONNECT_MS = 1000

_LOG = Cursors("events")
"""The cursors of the whole log: the log position of the event before."""

Limit = Annotated[int, Query(ge=1, le=MAX_EVENTS, description="The maximum page size.")]


def event_response(logged: LoggedEvent, model: type[EventResponse]) -> EventResponse:
    """Convert an event from the log to its API model."""
    event = logged.event
    return model(
        _LOG.write(logged.position),
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


_EVENT = event_response(LoggedEvent(4711, examples.AT, examples.APPROVED), EventResponse)
EXAMPLES = (EventsResponse([_EVENT], _EVENT.cursor),)


@router.get(
    "/accounts/{account_id}/events",
    response_model=EventsResponse,
    dependencies=[requires(Scope.AUDIT_READ)],
    responses=documented_account_list(),
)
async def read_account_events(
    services: ServicesOf,
    account_id: AccountIdPath,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Return the account's events, oldest first.

    Every page has a cursor, with which a reader can ask for later events.
    """
    cursors = Cursors("account events", account_id=account_id)
    (version,) = cursors.read(cursor, 0)
    await read_opened_account(services, account_id)
    stream = account_stream(AccountId(account_id))
    events = await services.queries.run(
        partial(read_stream, stream=stream, after=version, limit=limit)
    )
    last = events[-1].event.originator_version if events else version
    return json_response(EventsResponse(await _responses(services, events), cursors.write(last)))


@router.get("/events", response_model=EventsResponse, responses=documented_list())
async def read_events(
    services: ServicesOf,
    key: Annotated[ApiKey, requires(Scope.AUDIT_READ, checks_accounts=True)],
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Return a page of the log. Events of the same account are in order.

    Every page has a cursor, with which a reader can ask for later events. A key that is limited to
    accounts gets their events only.
    """
    (position,) = _LOG.read(cursor, 0)
    events = await services.queries.run(log_query(key.accounts, position, limit))
    last = events[-1].position if events else position
    return json_response(EventsResponse(await _responses(services, events), _LOG.write(last)))


async def _responses(services: Services, events: Iterable[LoggedEvent]) -> list[EventResponse]:
    model = await response_class(services.decider.clock, services.queries)
    return [event_response(each, model) for each in events]


@router.get(
    "/events/stream",
    response_class=StreamingResponse,
    dependencies=[requires(Scope.AUDIT_READ, checks_accounts=True)],
    responses={
        200: {
            "content": {"text/event-stream": {}},
            "description": "Events as they are recorded, with `data` as in `GET /v1/events`.",
        },
        **documented_list(ProblemType.TOO_MANY_STREAMS),
    },
)
async def stream_events(
    request: Request,
    services: ServicesOf,
    cursor: Annotated[
        CursorText | None, Query(description="A cursor of `GET /v1/events`, after which to begin.")
    ] = None,
    last_event_id: Annotated[
        CursorText | None, Header(description="The last `id` received; overrides `cursor`.")
    ] = None,
) -> StreamingResponse:
    """Stream the log as Server-Sent Events. The `id` of each event is a cursor for resuming.

    A key that is limited to accounts gets their events only.

    The stream ends if the service stops, if the database is unavailable, if the key is revoked, or
    if the client does not read. To resume, reconnect with `Last-Event-ID`.
    """
    if last_event_id:
        (position,) = _LOG.read(last_event_id, 0, parameter="Last-Event-ID")
    else:
        (position,) = _LOG.read(cursor, 0)
    authorization = authorization_header(request.scope["headers"])
    return _EventStream(
        services.streams,
        request.state.key_id,
        _messages(services, position, authorization),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


class _EventStream(StreamingResponse):
    """A stream that counts from before its response begins until it ends."""

    def __init__(self, streams: StreamLimits, key_id: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._streams = streams
        self._key_id = key_id

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        with self._streams.opened(self._key_id):
            await super().__call__(scope, receive, send)


async def _messages(
    services: Services, position: int, authorization: bytes | None
) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    quiet_since = loop.time()
    yield b": begin\nretry: %d\n\n" % _RECONNECT_MS
    while not services.stopping.is_set():
        try:
            # Authenticate again: the key may have been revoked since the response began.
            key = await services.authenticator.authenticate(authorization)
            require_scope(key, Scope.AUDIT_READ)
            events = await services.log_tail.read(position, key.accounts)
        except (ProblemError, StoreUnavailableError) as error:
            yield b": the stream ends here: %b\n\n" % error.what.encode()
            return
        for message in events.messages:
            yield message
        position = events.position
        if events.messages:
            quiet_since = loop.time()
            continue
        if loop.time() - quiet_since > _HEARTBEAT_S:
            quiet_since = loop.time()
            yield b": still here\n\n"
        # All streams ask in the same moments, and so share their queries.
        await asyncio.sleep(_POLL_S - loop.time() % _POLL_S)


def stream_message(logged: LoggedEvent, model: type[EventResponse]) -> bytes:
    """Return an event as a message of the stream."""
    item = event_response(logged, model)
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (
        item.cursor.encode(),
        item.type.encode(),
        orjson.dumps(item),
    )

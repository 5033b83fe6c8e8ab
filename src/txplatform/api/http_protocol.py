"""Read HTTP/1.1 from clients that may be wrong, slow or hostile.

This module overrides internals of uvicorn's httptools protocol. Before updating uvicorn, run
`tests/e2e/test_http_semantics.py`, `test_connection_limits.py` and `test_upgrade_offers.py`.
"""

import asyncio
from collections.abc import Mapping
from enum import IntEnum
from time import perf_counter
from typing import Any

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from txplatform.api.connection_limits import (
    MAX_FRAMING_BYTES,
    MAX_HEADER_LINES,
    MAX_PIPELINED,
    ConnectionLimits,
    Waiting,
)
from txplatform.api.exception_handlers import reported_problem
from txplatform.api.problems import ProblemError, problem_response, retry_later
from txplatform.api.request_heads import check_head, head_too_large, parser_problem
from txplatform.api.request_log import NO_ROUTE, RequestLog
from txplatform.contracts.problems import ProblemType
from txplatform.telemetry import correlation_id, new_traceparent

_PARSED_AT_ONCE = 4096
"""The parser gets this many bytes at a time, which can hold about a hundred pipelined requests."""
_FRAMING_PER_BYTE = 5
"""The framing of a chunk of one byte: its size and two line ends."""


class Phase(IntEnum):
    """The part of a request that comes next."""

    BETWEEN_REQUESTS = 0
    HEAD = 1
    BODY = 2


_READ_IN = {Phase.HEAD: Waiting.HEAD, Phase.BODY: Waiting.BODY}


class Flow(FlowControl):
    """Pauses and resumes a connection.

    Attributes:
        held: True while requests that were read wait to be parsed. Nothing more is read then.
        resumptions: The number of times that the send buffer was emptied.
    """

    held = False
    resumptions = 0

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__(transport)
        self._is_closing = transport.is_closing

    def pause_reading(self) -> None:
        """Stop reading."""
        if not self._is_closing():
            super().pause_reading()

    def resume_reading(self) -> None:
        """Read again, unless held."""
        if not self.held and not self._is_closing():
            super().resume_reading()

    def resume_writing(self) -> None:
        """Write again."""
        self.resumptions += 1
        super().resume_writing()


class ClientTransport:
    """A transport that ignores writes after the client has left; uvloop's own would raise."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.is_closing = transport.is_closing
        self.close = transport.close

    def write(self, data: bytes) -> None:
        """Send bytes if the client is there."""
        if not self.is_closing():
            self._transport.write(data)


class HttpProtocol(HttpToolsProtocol):
    """Handles one connection: bounds what it holds, and refuses what is not HTTP/1.1.

    It ignores upgrade offers, as RFC 9110, section 7.8 allows; Java's client offers HTTP/2 by
    default. If a request offers an upgrade, httptools stops after the headers, and the body would
    be lost or parsed as the next request. Such a request is therefore parsed again without its
    Upgrade header.
    """

    flow: Flow

    def __init__(
        self, request_log: RequestLog, limits: ConnectionLimits, *args: Any, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._request_log = request_log
        self._limits = limits
        self._phase = Phase.BETWEEN_REQUESTS
        self._requests = 0
        """The number of requests that began."""
        self._head_bytes = 0
        self._body_bytes = 0
        self._framing_bytes = 0
        self._unparsed = b""
        """Pipelined requests that are parsed when the pipeline is shorter."""
        self._refusal: ProblemError | None = None
        """The last response of the connection, if it has to wait for the responses before it."""
        self._refusal_trace = new_traceparent()
        self._client_ended = False
        self._running: RequestResponseCycle | None = None
        """The request that the ASGI application handles; others may be read already."""
        self._watched: object = None
        self._unchanged_s = 0.0

    def connection_made(self, transport: Any) -> None:
        """Serve a new connection, unless too many are open."""
        super().connection_made(transport)
        self.flow = Flow(transport)
        self._client_transport = ClientTransport(transport)
        self._request_log.connections += 1
        if len(self.connections) > self._limits.max_connections:
            self._refuse(
                retry_later(
                    ProblemType.OVERLOADED,
                    "Too many connections are open.",
                    "Retry after the time in Retry-After, and reuse connections.",
                )
            )

    def connection_lost(self, exc: Exception | None) -> None:
        """Let the request that runs, and those behind it, end: uvicorn knows the newest only."""
        self._request_log.connections -= 1
        for cycle in (self._running, *(waiting for waiting, _ in self.pipeline)):
            if cycle is not None:
                cycle.disconnected = True
                cycle.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse received bytes."""
        if self._refusal is not None:
            return
        self._unset_keepalive_if_required()
        if self._unparsed:
            self._unparsed += data
        else:
            self._parse(data)

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio wants a bool
        """Respond even if the client has closed its side, if it sent a whole request."""
        if self._unparsed:
            self._client_ended = True
            return True
        return self._ends_after_response()

    def on_message_begin(self) -> None:
        """Start reading a request."""
        self._phase = Phase.HEAD
        self._requests += 1
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Start handling a request, unless it offers an upgrade and will be parsed again."""
        if self.parser.should_upgrade():
            return
        check_head(self.parser.get_http_version(), self.url, self.headers)
        self._phase = Phase.BODY
        self._body_bytes = self._framing_bytes = 0
        self.begin_request()
        self.headers = []  # collects trailers, which are not headers (RFC 9110, section 6.5.1)

    def begin_request(self) -> None:
        """Give the request to the ASGI application, or queue it behind the requests before it."""
        super().on_headers_complete()
        self.cycle.transport = self._client_transport  # type: ignore[assignment]
        if not self.pipeline:
            self._running = self.cycle

    def on_body(self, body: bytes) -> None:
        """Receive a part of a body."""
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Finish reading a request, unless it offers an upgrade and will be parsed again."""
        if not self.parser.should_upgrade():
            self._phase = Phase.BETWEEN_REQUESTS
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on with the next request that was read."""
        last = not self.pipeline
        self._running = None if last else self.pipeline[-1][0]
        super().on_response_complete()
        if self._refusal is not None and last and not self.transport.is_closing():
            self._write_refusal(self._refusal)
        elif self._unparsed and len(self.pipeline) < MAX_PIPELINED:
            self.loop.call_soon(self._parse_rest)

    def check_times(self, passed_s: float, limits_s: Mapping[Waiting, float]) -> None:
        """End the connection if its client has kept it waiting for too long."""
        waiting, progress = self._waiting()
        watched = (waiting, progress, self._requests)
        if waiting is None or watched != self._watched:
            self._watched, self._unchanged_s = watched, 0.0
            return
        self._unchanged_s += passed_s
        if self._unchanged_s >= limits_s[waiting]:
            match waiting:
                case Waiting.HEAD | Waiting.BODY:
                    self._refuse(_too_slow(waiting, limits_s[waiting]))
                case Waiting.READER:
                    self.transport.abort()
                case _:  # no 408: a client that is just sending would take it for its response
                    self.transport.close()

    def _waiting(self) -> tuple[Waiting | None, object]:
        """Return what the connection waits for, and a value that changes with its progress."""
        if self.flow.write_paused or self.transport.is_closing():
            return Waiting.READER, self.flow.resumptions
        if self._phase is not Phase.BETWEEN_REQUESTS:
            # Nothing is read while requests before this one wait for their responses.
            return None if self.flow.read_paused else _READ_IN[self._phase], None
        if self.cycle is not None and not self.cycle.response_complete:
            return None, None
        return (Waiting.NEXT_REQUEST if self.timeout_keep_alive_task else Waiting.FIRST_BYTE), None

    def _parse(self, data: bytes) -> None:
        for at in range(0, len(data), _PARSED_AT_ONCE):
            if len(self.pipeline) >= MAX_PIPELINED:
                self._unparsed = data[at:]
                self.flow.pause_reading()
                self.flow.held = True
                return
            self._parse_part(data[at : at + _PARSED_AT_ONCE])
            if self._refusal is not None:
                return

    def _parse_rest(self) -> None:
        if self._unparsed and not self.transport.is_closing():
            data, self._unparsed = self._unparsed, b""
            self.flow.held = False
            self._unset_keepalive_if_required()
            self._parse(data)
            if not self.flow.held and not self.pipeline:
                self.flow.resume_reading()
            ended = self._client_ended and not self._unparsed and self._refusal is None
            if ended and not self._ends_after_response():
                self.transport.close()

    def _parse_part(self, data: bytes) -> None:
        request, data_before = (self._requests, self._phase), self._body_bytes
        size = len(data)
        while data:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserError as error:
                self._refuse(self._problem_of(error))
                return
            except httptools.HttpParserUpgrade as upgrade:
                if self.parser.get_method() == b"CONNECT":
                    self._refuse(
                        ProblemError(
                            ProblemType.NOT_IMPLEMENTED,
                            "CONNECT received, but this server is not a proxy.",
                            "Send the request to a proxy.",
                        )
                    )
                    return
                (offset,) = upgrade.args
                data = self._head_without_upgrade() + data[offset:]
                continue
            break
        if self._phase is Phase.HEAD:
            self._head_bytes += size
            if problem := head_too_large(self._head_bytes, self.url, self.headers):
                self._refuse(problem)
        elif self._phase is Phase.BODY and request == (self._requests, Phase.BODY):
            self._framing_bytes += size - (self._body_bytes - data_before)
            if (
                self._framing_bytes > MAX_FRAMING_BYTES + _FRAMING_PER_BYTE * self._body_bytes
                or len(self.headers) > MAX_HEADER_LINES
            ):
                self._refuse(
                    ProblemError(
                        ProblemType.BODY_TOO_LARGE,
                        "The body has too many bytes of chunk extensions and trailers.",
                        "Send the body without them.",
                    )
                )

    def _problem_of(self, error: httptools.HttpParserError) -> ProblemError:
        try:
            return parser_problem(error)
        except Exception as defect:  # noqa: BLE001  # every request gets a response
            return reported_problem(defect, self._refusal_trace)

    def _head_without_upgrade(self) -> bytes:
        """Return the head of the request that offers an upgrade, for a new parser."""
        head = b"%b %b HTTP/%b\r\n" % (
            self.parser.get_method(),
            self.url,
            self.parser.get_http_version().encode(),
        )
        kept = (header for header in self.headers if header[0] != b"upgrade")
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
        return head + b"".join(b"%b: %b\r\n" % header for header in kept) + b"\r\n"

    def _ends_after_response(self) -> bool:
        """Close after the last response; return False if there is none to wait for.

        A client that has left looks the same. So a response that has begun, such as a stream, ends.
        """
        cycle = self.cycle
        if (
            self.scheme == "https"  # asyncio cannot close one side of TLS
            or self._phase is not Phase.BETWEEN_REQUESTS
            or cycle is None
            or cycle.response_complete
            or cycle.response_started
        ):
            return False
        cycle.keep_alive = False
        return True

    def _refuse(self, problem: ProblemError) -> None:
        """Refuse the request that is being read, after the responses to those before it; close."""
        if self._refusal is not None or self.transport.is_closing():
            return
        self._refusal = problem
        self._unparsed = b""
        self.flow.pause_reading()
        self.flow.held = True
        begun = self._phase is Phase.BODY
        if begun and self.pipeline:
            self.pipeline.popleft()  # the refused request, which waits for those before it
        elif begun and self.cycle.response_started:
            self.transport.close()
        elif begun or self.cycle is None or self.cycle.response_complete:
            self._write_refusal(problem)

    def _write_refusal(self, problem: ProblemError) -> None:
        trace, logged = self._refusal_trace, False
        if self._phase is Phase.BODY and self.cycle is not None:
            state = getattr(self.cycle, "scope", {}).get("state", {})
            if "traceparent" in state:  # the application logs the request
                trace, logged = state["traceparent"], True
                state["refused"] = problem.type
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        status, headers, body = problem_response(problem, correlation_id(trace))
        lines = [*self.server_state.default_headers, *headers, (b"connection", b"close")]
        head = b"".join(b"%b: %b\r\n" % header for header in lines)
        self.transport.write(b"%b%b\r\n%b" % (STATUS_LINE[status], head, body))
        self.transport.close()
        if not logged:
            method, route, key_id = self.refused_request()
            self._request_log.responded(
                method, route, status, perf_counter(), trace, key_id, problem.type.code
            )

    def refused_request(self) -> tuple[str, str, str | None]:
        """Return method, route and key id of a request that is refused before it was handled."""
        return NO_ROUTE, NO_ROUTE, None


def _too_slow(waiting: Waiting, limit_s: float) -> ProblemError:
    what = "head" if waiting is Waiting.HEAD else "body"
    return ProblemError(
        ProblemType.REQUEST_TIMEOUT,
        f"The {what} of the request was not complete after {limit_s:g} seconds.",
        "Send the request again, at once and with the same ids.",
    )

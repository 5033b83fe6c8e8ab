"""Decide plain purchases without ASGI, whose calls cost as much as the decision.

A purchase is plain if it is a POST of JSON without a query, with a cached API key, and not sent
before the response to the request before it. All other requests go to the ASGI application,
unchanged. uvicorn reads the requests, keeps pipelined requests in order, ends idle connections and
stops the server. This module replaces uvicorn's task for a request by a callback of the decision's
future, and writes the head and the body of the response at once. It does not parse a head again
that was already parsed.

This module overrides internals of uvicorn's httptools protocol. Before updating uvicorn, run
`tests/e2e/test_direct_purchase.py`.
"""

import asyncio
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from txplatform.api.authentication import header_digest
from txplatform.api.connection_limits import ConnectionLimits
from txplatform.api.exception_handlers import reported_problem
from txplatform.api.http_protocol import HttpProtocol, Phase
from txplatform.api.known_heads import KnownHead, KnownHeads
from txplatform.api.problems import problem_response, stopping_problem
from txplatform.api.process_transaction import (
    ADMITTED,
    PATH,
    ProcessTransaction,
    decision_written,
    purchase_headers,
)
from txplatform.api.request_log import RequestLog
from txplatform.api_keys import ApiKey
from txplatform.contracts.trace_context import TraceContext, trace_of_request
from txplatform.decisions.request import Decided
from txplatform.telemetry import correlation_id, new_traceparent

_CLOSE = (b"connection", b"close")
_URL = PATH.encode()


@dataclass(eq=False, slots=True)
class _Cycle:
    """The state of one request, with the attributes that uvicorn's protocol reads and sets."""

    key: ApiKey
    trace: TraceContext
    keep_alive: bool
    message_event: asyncio.Event
    began: float = field(default_factory=perf_counter)
    body: bytes | bytearray = field(default_factory=bytearray)
    more_body: bool = True
    disconnected: bool = False
    response_started: bool = False
    response_complete: bool = False


class PurchaseProtocol(HttpProtocol):
    """Handles one connection's requests; plain purchases bypass ASGI."""

    def __init__(
        self,
        purchases: ProcessTransaction,
        heads: KnownHeads,
        request_log: RequestLog,
        limits: ConnectionLimits,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(request_log, limits, *args, **kwargs)
        self._purchases = purchases
        self._heads = heads
        self._receiving: _Cycle | None = None
        """The plain purchase whose body is being received."""
        self._credentials: bytes | None = None
        """The digest of its Authorization header, if its head may come again."""
        self._received = b""
        """The bytes being parsed, if a request begins with them."""
        self._unused_event = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        """Decide a plain purchase whose head is known; parse anything else."""
        begins = self._phase is Phase.BETWEEN_REQUESTS and not self._unparsed
        if begins and self._decide_known(data):
            return
        self._received = data if begins else b""
        super().data_received(data)
        self._received = b""

    def begin_request(self) -> None:
        """Start handling a request, directly if it is a plain purchase."""
        parser = self.parser
        if (
            self.url != _URL
            or parser.get_method() != b"POST"
            or parser.get_http_version() != "1.1"
            or self.expect_100_continue
            or self.flow.write_paused  # the ASGI application waits for slow readers
            or not (self.cycle is None or self.cycle.response_complete)  # the request is pipelined
            or (cycle := self._plain_cycle()) is None
        ):
            super().begin_request()
            return
        self._receiving = cycle
        self.cycle = cycle  # type: ignore[assignment]  # has what uvicorn uses

    def on_body(self, body: bytes) -> None:
        """Receive a part of a body. Large bodies go to the ASGI application, which limits them."""
        super().on_body(body)
        if self._receiving is not None and (
            self.flow.read_paused or len(self._receiving.body) > self._purchases.max_body_bytes
        ):
            self._leave_to_asgi(self._receiving)

    def on_message_complete(self) -> None:
        """Finish reading a request."""
        super().on_message_complete()
        if self._receiving is not None:
            cycle, self._receiving = self._receiving, None
            if self._credentials is not None and cycle.keep_alive:
                self._heads.learn(self._received, KnownHead(len(cycle.body), self._credentials))
            self._decide(cycle)

    def refused_request(self) -> tuple[str, str, str | None]:
        """Return method, route and key id of a purchase whose body did not come."""
        if self._receiving is None:
            return super().refused_request()
        return "POST", PATH, self._receiving.key.id

    def shutdown(self) -> None:
        """Close the connection after the current response. A missing body may time out."""
        if self._receiving is not None:
            self._leave_to_asgi(self._receiving)
        super().shutdown()

    def _decide_known(self, data: bytes) -> bool:
        """Decide a plain purchase if its head is known; return False if it has to be parsed."""
        if self.flow.write_paused or not (self.cycle is None or self.cycle.response_complete):
            return False
        request = self._heads.split(data)
        if request is None:
            return False
        known, body = request
        key = self._purchases.admit_cached(known.credentials)
        if key is None:
            return False
        self._unset_keepalive_if_required()
        self._requests += 1
        trace = TraceContext(new_traceparent())
        cycle = _Cycle(key, trace, True, self._unused_event, body=body, more_body=False)
        self.cycle = cycle  # type: ignore[assignment]  # has what uvicorn uses
        self._decide(cycle)
        return True

    def _plain_cycle(self) -> _Cycle | None:
        """Return the cycle of a plain purchase with a cached key; None for any other request."""
        headers = purchase_headers(self.headers)
        if headers.authorization is None or not headers.is_plain:
            return None
        credentials = header_digest(headers.authorization)
        key = self._purchases.admit_cached(credentials)
        if key is None:
            return None
        if headers.has_trace:
            self._credentials, trace = None, trace_of_request(self.headers)
        else:
            self._credentials, trace = credentials, TraceContext(new_traceparent())
        return _Cycle(key, trace, self.parser.should_keep_alive(), self._unused_event)

    def _leave_to_asgi(self, cycle: _Cycle) -> None:
        self._receiving = None
        self.cycle = None  # type: ignore[assignment]  # as before the request
        super().begin_request()
        self.scope["state"][ADMITTED] = cycle.key
        super().on_body(bytes(cycle.body))

    def _decide(self, cycle: _Cycle) -> None:
        self._request_log.in_flight += 1
        try:
            decision = self._purchases.submit(bytes(cycle.body), cycle.key, cycle.trace)
        except Exception as error:  # noqa: BLE001  # `_respond` translates it
            decision = self.loop.create_future()
            decision.set_exception(error)
        # The server waits for its tasks when it stops, and finally cancels them.
        self.tasks.add(decision)  # type: ignore[arg-type]  # it is only removed or cancelled
        decision.add_done_callback(partial(self._respond, cycle))

    def _respond(self, cycle: _Cycle, decision: asyncio.Future[Decided]) -> None:
        self.tasks.discard(decision)
        self._request_log.in_flight -= 1
        traceparent = cycle.trace.traceparent
        problem = None
        try:
            response = decision_written(decision.result(), traceparent)
        except asyncio.CancelledError:  # by the server, which does not wait any longer
            problem = stopping_problem("POST")
        except Exception as error:  # noqa: BLE001  # every request gets a response
            problem = reported_problem(error, traceparent)
        if problem is not None:
            response = problem_response(problem, correlation_id(traceparent))
        if not cycle.disconnected and not self.transport.is_closing():
            self._write(cycle, *response)
        self._request_log.responded(
            "POST",
            PATH,
            response[0],
            cycle.began,
            traceparent,
            cycle.key.id,
            None if problem is None else problem.type.code,
        )

    def _write(
        self, cycle: _Cycle, status: int, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> None:
        if _CLOSE in headers:
            cycle.keep_alive = False
        elif not cycle.keep_alive:
            headers.append(_CLOSE)
        parts = [STATUS_LINE[status]]
        for name, value in (*self.server_state.default_headers, *headers):
            parts += (name, b": ", value, b"\r\n")
        parts += (b"\r\n", body)
        cycle.response_complete = True
        self.transport.write(b"".join(parts))
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()

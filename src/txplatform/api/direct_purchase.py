"""Decide plain purchases without ASGI, whose calls cost as much as the decision.

A purchase is plain if it is a POST without a query, with a cached API key and with JSON. All other
requests go to the ASGI application, unchanged. uvicorn reads the requests, keeps pipelined requests
in order, ends idle connections and stops the server. This module only replaces the task in which
uvicorn runs the ASGI application by a callback of the decision's future, and writes the head and
the body of the response at once.

This module overrides internals of uvicorn's httptools protocol. Before updating uvicorn, run
`tests/e2e/test_direct_purchase.py`.
"""

import asyncio
from functools import partial
from typing import Any

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from txplatform.api.http_protocol import HttpProtocol
from txplatform.api.problems import problem_response, stopping_problem
from txplatform.api.process_transaction import (
    PATH,
    ProcessTransaction,
    decision_written,
    problem_written,
)
from txplatform.decisions.request import Decided
from txplatform.domain.cause import CommandOrigin
from txplatform.telemetry import correlation_id

_CLOSE = (b"connection", b"close")


class PurchaseProtocol(HttpProtocol):
    """Handles the requests of one connection, plain purchases without ASGI."""

    def __init__(self, purchases: ProcessTransaction, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._purchases = purchases
        self._incomplete: tuple[RequestResponseCycle, CommandOrigin] | None = None
        """A plain purchase whose body has not been received completely."""

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Start handling a request, once its head is received and earlier requests are done."""
        scope = cycle.scope
        if (
            scope["path"] != PATH
            or scope["method"] != "POST"
            or scope["query_string"]
            or cycle.waiting_for_100_continue
            or len(cycle.body) > self._purchases.max_body_bytes
            or self.flow.write_paused  # the ASGI application waits for slow readers
            or (origin := self._purchases.plain_origin(scope["headers"])) is None
        ):
            super()._start_asgi_task(cycle, app)
        elif cycle.more_body:
            self._incomplete = cycle, origin
        else:
            self._decide(cycle, origin)

    def on_body(self, body: bytes) -> None:
        """Receive a part of a body. Large bodies go to the ASGI application, which limits them."""
        super().on_body(body)
        if self._incomplete is not None and (
            self.flow.read_paused or len(self.cycle.body) > self._purchases.max_body_bytes
        ):
            self._leave_to_asgi()

    def on_message_complete(self) -> None:
        """Finish reading a request."""
        super().on_message_complete()
        if self._incomplete is not None:
            incomplete, self._incomplete = self._incomplete, None
            self._decide(*incomplete)

    def shutdown(self) -> None:
        """Close the connection after the current response. Incomplete requests may time out."""
        super().shutdown()
        if self._incomplete is not None:
            self._leave_to_asgi()

    def _leave_to_asgi(self) -> None:
        self._incomplete = None
        super()._start_asgi_task(self.cycle, self.app)

    def _decide(self, cycle: RequestResponseCycle, origin: CommandOrigin) -> None:
        try:
            decision = self._purchases.submit(bytes(cycle.body), origin)
        except Exception as error:  # noqa: BLE001  # `_respond` translates it
            decision = self.loop.create_future()
            decision.set_exception(error)
        # The server waits for its tasks when it stops, and finally cancels them.
        self.tasks.add(decision)  # type: ignore[arg-type]  # it is only removed or cancelled
        decision.add_done_callback(partial(self._respond, cycle, origin.traceparent))

    def _respond(
        self, cycle: RequestResponseCycle, traceparent: str, decision: asyncio.Future[Decided]
    ) -> None:
        self.tasks.discard(decision)
        try:
            response = decision_written(decision.result(), traceparent)
        except asyncio.CancelledError:  # by the server, which does not wait any longer
            response = problem_response(stopping_problem("POST"), correlation_id(traceparent))
        except Exception as error:  # noqa: BLE001  # every request gets a response
            response = problem_written(error, traceparent)
        if not cycle.disconnected and not self.transport.is_closing():
            self._write(cycle, *response)

    def _write(
        self,
        cycle: RequestResponseCycle,
        status: int,
        headers: list[tuple[bytes, bytes]],
        body: bytes,
    ) -> None:
        if _CLOSE in headers:
            cycle.keep_alive = False
        elif not cycle.keep_alive:
            headers.append(_CLOSE)
        parts = [STATUS_LINE[status]]
        for name, value in (*cycle.default_headers, *headers):
            parts += (name, b": ", value, b"\r\n")
        parts += (b"\r\n", body)
        cycle.response_started = cycle.response_complete = True
        self.transport.write(b"".join(parts))
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()

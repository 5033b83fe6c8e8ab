"""Retries of the client, against a local server that misbehaves."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from txplatform_client import (
    AsyncClient,
    Client,
    Increment,
    NoResponseError,
    ProblemError,
    UnexpectedResponseError,
)
from txplatform_client.authorizations import IncrementDecision

DECISION = {
    "increment_id": "i-1",
    "transaction_id": "tx-1",
    "account_id": "acc-1",
    "decision": "approved",
    "response_code": "00",
    "reasons": [],
    "amount": 5,
    "balance": None,
    "ruleset": "default@1",
    "expires_at": None,
    "account_version": 2,
    "event_id": "e-1",
    "decided_at": "2026-11-20T10:15:00.123456Z",
}
PROBLEM = {
    "type": "overloaded",
    "title": "The queue is full",
    "status": 503,
    "detail": "The queue of decisions is full.",
    "next_step": "Retry.",
    "correlation_id": "c",
}

Act = Callable[[BaseHTTPRequestHandler], None]


class Misbehaving(ThreadingHTTPServer):
    """Carries out one act for each request, and then returns the decision.

    Attributes:
        bodies: The bodies of the requests.
        times: When the requests arrived.
    """

    daemon_threads = True

    def __init__(self, *acts: Act) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.acts = iter(acts)
        self.bodies: list[bytes] = []
        self.times: list[float] = []
        self.stopped = threading.Event()

    @property
    def url(self) -> str:
        """The address."""
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    """Hands each request to the next act."""

    server: Misbehaving

    def do_POST(self) -> None:
        self.server.times.append(time.monotonic())
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        next(self.server.acts, responds(200, DECISION))(self)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the library's name
        """Log nothing."""


def responds(status: int, body: Any, **headers: str) -> Act:
    def act(handler: BaseHTTPRequestHandler) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(content)

    return act


def closes(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)


def breaks_off(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"increment_id"')
    handler.connection.shutdown(socket.SHUT_RDWR)


def stays_silent(handler: BaseHTTPRequestHandler) -> None:
    handler.server.stopped.wait(60)  # type: ignore[attr-defined]  # of Misbehaving


def drips(beginning: bytes) -> Act:
    """Return an act that sends a byte every 50 ms after the beginning of a response, for 20 s."""

    def act(handler: BaseHTTPRequestHandler) -> None:
        stopped: threading.Event = handler.server.stopped  # type: ignore[attr-defined]
        handler.wfile.write(beginning)
        with suppress(OSError):  # the client has left
            for _ in range(400):
                if stopped.wait(0.05):
                    return
                handler.wfile.write(b"x")

    return act


def pauses_in_each_phase(handler: BaseHTTPRequestHandler) -> None:
    stopped: threading.Event = handler.server.stopped  # type: ignore[attr-defined]
    content = json.dumps(DECISION).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(content)}\r\n\r\n".encode()
    with suppress(OSError):  # the client has left
        for part in (head, content[:9], content[9:]):
            stopped.wait(0.15)
            handler.wfile.write(part)


@contextmanager
def misbehaving(*acts: Act) -> Iterator[Misbehaving]:
    """Run the server until the context ends."""
    server = Misbehaving(*acts)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.stopped.set()
        server.shutdown()
        thread.join()
        server.server_close()


def increment(url: str, kind: str, **settings: float) -> IncrementDecision:
    """Send the increment with one of the clients."""
    words = ("acc-1", "tx-1", Increment(increment_id="i-1", amount=5))
    if kind == "Client":
        with Client(url, "key", **settings) as client:  # type: ignore[arg-type]  # only floats
            return client.increment_authorization(*words)

    async def send() -> IncrementDecision:
        async with AsyncClient(url, "key", **settings) as client:  # type: ignore[arg-type]
            return await client.increment_authorization(*words)

    return asyncio.run(send())


pytestmark = pytest.mark.parametrize("kind", ["Client", "AsyncClient"])


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(responds(408, b""), id="408"),
        pytest.param(responds(429, b"", Retry_After="0"), id="429"),
        pytest.param(responds(502, b"<html>"), id="502"),
        pytest.param(responds(503, PROBLEM, Retry_After="0"), id="503"),
        pytest.param(responds(504, b""), id="504"),
        pytest.param(closes, id="closed"),
        pytest.param(breaks_off, id="broken off"),
        pytest.param(stays_silent, id="silent"),
        pytest.param(pauses_in_each_phase, id="slow in each phase"),
    ],
)
def test_a_call_is_sent_again_with_the_same_body(kind: str, act: Act) -> None:
    with misbehaving(act, act) as server:
        assert increment(server.url, kind, timeout_s=0.2).decision == "approved"
    assert len(server.bodies) == 3
    assert set(server.bodies) == {b'{"increment_id":"i-1","amount":5}'}


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 415, 422, 500])
def test_a_refused_call_is_not_sent_again(kind: str, status: int) -> None:
    problem = {**PROBLEM, "type": "refused", "status": status}
    with misbehaving(responds(status, problem)) as server:
        with pytest.raises(ProblemError) as refused:
            increment(server.url, kind)
        assert refused.value.problem.status == status
        assert len(server.bodies) == 1


@pytest.mark.parametrize("retry_after", ["1", "date"])
def test_the_client_waits_as_long_as_retry_after_says(kind: str, retry_after: str) -> None:
    value = formatdate(time.time() + 2, usegmt=True) if retry_after == "date" else retry_after
    with misbehaving(responds(503, PROBLEM, Retry_After=value)) as server:
        increment(server.url, kind)
    first, second = server.times
    assert 0.9 < second - first < 4


def test_a_call_that_cannot_succeed_before_its_deadline_ends_with_the_problem(kind: str) -> None:
    """Waiting for a time behind the deadline would be in vain."""
    started = time.monotonic()
    with misbehaving(*[responds(503, PROBLEM, Retry_After="60")] * 9) as server:
        with pytest.raises(ProblemError, match="The queue of decisions is full"):
            increment(server.url, kind, deadline_s=5)
        assert len(server.bodies) == 1
    assert time.monotonic() - started < 4


def test_a_silent_server_is_given_up_at_the_deadline(kind: str) -> None:
    started = time.monotonic()
    with misbehaving(*[stays_silent] * 99) as server:
        with pytest.raises(NoResponseError, match=r"POST /v1/accounts/acc-1/.*unknown.*same ids"):
            increment(server.url, kind, timeout_s=0.2, deadline_s=1)
        assert len(server.bodies) > 1
    assert time.monotonic() - started < 3


@pytest.mark.parametrize(
    "beginning",
    [b"HTTP/1.1 200 OK\r\nX-Filler: ", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"],
    ids=["headers", "body"],
)
def test_a_server_that_drips_is_given_up_at_the_deadline(kind: str, beginning: bytes) -> None:
    started = time.monotonic()
    with misbehaving(*[drips(beginning)] * 99) as server:
        with pytest.raises(NoResponseError, match=r"in time.*same ids"):
            increment(server.url, kind, timeout_s=0.2, deadline_s=1)
        assert time.monotonic() - started < 3
        assert len(server.bodies) > 1


def test_an_unreachable_server_is_given_up_at_the_deadline(kind: str) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(NoResponseError):
            increment(url, kind, deadline_s=0.5)


def test_the_page_of_a_proxy_is_a_problem_too(kind: str) -> None:
    page = responds(404, b"<html>no such page</html>")
    with misbehaving(page) as server, pytest.raises(ProblemError) as refused:
        increment(server.url, kind)
    assert refused.value.type == "about:blank"
    assert "Check that the address" in refused.value.next_step


def test_a_response_without_the_promised_fields_is_an_error(kind: str) -> None:
    incomplete = responds(200, {"increment_id": "i-1"})
    error = pytest.raises(UnexpectedResponseError, match="transaction_id")
    with misbehaving(incomplete) as server, error:
        increment(server.url, kind)


@pytest.mark.parametrize("url", ["localhost:8000", "", "ftp://host", "http://", "http://a:b"])
def test_an_address_that_is_not_of_http_is_refused_at_once(kind: str, url: str) -> None:
    with pytest.raises(ValueError, match="not an address"):
        increment(url, kind)


def test_a_key_with_a_line_break_is_refused_without_showing_it(kind: str) -> None:
    with pytest.raises(ValueError, match="API key") as refused:
        {"Client": Client, "AsyncClient": AsyncClient}[kind]("http://localhost", "txp_secret\n")
    assert "secret" not in str(refused.value)

"""What one client can hold is bounded, and other clients are served meanwhile."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from http.client import HTTPResponse
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from harness.api import RunningApi, create_key, open_account, purchase, running_api
from harness.commands import opening
from harness.commands import purchase as purchase_command
from harness.histories import record
from harness.postgres import PostgresServer
from harness.waiting import wait_until
from txplatform.database import Database

DIRECT = "/v1/process-transaction"
STREAM = "/v1/events/stream"
STREAMS = "txplatform_http_event_streams"
LIMIT_S = 2
MOST = 40


@pytest.fixture(scope="module")
def limited(postgres: PostgresServer) -> Iterator[RunningApi]:
    """An API with tight limits."""
    database = postgres.new_database()
    with running_api(
        {"TXPLATFORM_DATABASE_URL": database.service_url},
        TXPLATFORM_API_HEAD_TIMEOUT_S=str(LIMIT_S),
        TXPLATFORM_API_BODY_TIMEOUT_S=str(LIMIT_S),
        TXPLATFORM_API_SEND_TIMEOUT_S=str(LIMIT_S),
        TXPLATFORM_API_MAX_CONNECTIONS=str(MOST),
        TXPLATFORM_API_MAX_STREAMS="3",
        TXPLATFORM_API_MAX_STREAMS_PER_KEY="2",
    ) as api:
        open_account(api.client, "acc", 1_000_000)
        api.client.post(DIRECT, json=purchase("t0", "acc", 1))
        yield api
    postgres.drop(database)


def connect(api: RunningApi) -> socket.socket:
    """Return a new connection."""
    port = urlsplit(api.url).port
    assert port is not None
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def received(connection: socket.socket) -> tuple[list[int], str]:
    """Return the statuses of the responses until the connection ends, and the last problem."""
    parts = []
    try:
        while part := connection.recv(65_536):
            parts.append(part)
    except ConnectionResetError:
        pass
    text = b"".join(parts).decode("latin-1")
    statuses = [int(status) for status in re.findall(r"HTTP/1\.1 (\d{3}) [A-Z]", text)]
    problems = re.findall(r'"type":"/problems/([\w-]+)"', text)
    return statuses, problems[-1] if problems else ""


def status_of(connection: socket.socket) -> int:
    """Receive one response of a connection that stays open, and return its status."""
    response = HTTPResponse(connection)
    response.begin()
    response.read()
    return response.status


def head(api: RunningApi, start: str, *lines: str) -> bytes:
    """Return the head of a request."""
    given = (start, "Host: x", f"Authorization: Bearer {api.key}", *lines, "", "")
    return "\r\n".join(given).encode()


SLOW: dict[str, tuple[bytes, bytes, str]] = {
    "nothing": (b"", b"", ""),
    "blank lines": (b"\r\n", b"\r\n", ""),
    "a part of a head": (b"GET /livez HTTP/1.1\r\nHost: x\r\nA: ", b"b", "request-timeout"),
    "a part of a body": (
        (
            b"POST /v1/accounts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer KEY\r\n"
            b"Content-Length: 1000\r\n\r\n"
        ),
        *(b" ", "request-timeout"),
    ),
    "a part of a purchase": (
        (
            b"POST /v1/process-transaction HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer KEY\r\n"
            b"Content-Length: 1000\r\n\r\n"
        ),
        *(b" ", "request-timeout"),
    ),
    "a body that nobody reads": (
        b"GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n",
        *(b" ", ""),
    ),
    "a refused body": (
        b"POST /v1/process-transaction HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n",
        *(b" ", "unauthenticated"),
    ),
}


@pytest.mark.parametrize(("begin", "more", "problem"), SLOW.values(), ids=SLOW)
def test_what_does_not_come_in_time_ends_the_connection(
    limited: RunningApi, begin: bytes, more: bytes, problem: str
) -> None:
    """Sending a byte now and then does not help."""
    began = time.monotonic()
    with connect(limited) as connection, ThreadPoolExecutor(1) as reader:
        connection.sendall(begin.replace(b"KEY", limited.key.encode()))
        answer = reader.submit(received, connection)

        def ended() -> bool:
            if not answer.done():
                try:
                    connection.sendall(more)
                except OSError:
                    return True
            return answer.done()

        wait_until(ended, timeout_s=30, message="the end of the connection")
        statuses, found = answer.result()
    assert time.monotonic() - began > LIMIT_S - 0.1
    assert found == problem
    if problem == "request-timeout":
        assert statuses == [408]


def test_a_body_that_comes_too_late_is_logged_once_and_counted(limited: RunningApi) -> None:
    def counted(status: int) -> float:
        text = httpx.get(f"{limited.url}/metrics").text
        pattern = (
            rf'^txplatform_http_requests_total{{.*route="/v1/accounts",status="{status}"}} (.*)$'
        )
        return sum(map(float, re.findall(pattern, text, re.MULTILINE)))

    before, left = counted(408), counted(499)
    with connect(limited) as connection:
        connection.sendall(head(limited, "POST /v1/accounts HTTP/1.1", "Content-Length: 9"))
        assert received(connection) == ([408], "request-timeout")
    wait_until(lambda: counted(408) == before + 1, message="the count")
    assert counted(499) == left


def test_streams_and_idle_connections_outlive_the_limits(limited: RunningApi) -> None:
    with connect(limited) as idle, limited.client.stream("GET", STREAM) as stream:
        idle.sendall(head(limited, "GET /livez HTTP/1.1"))
        assert status_of(idle) == 200
        messages = stream.iter_lines()
        assert next(messages)
        with connect(limited) as slower:  # that one ends after the limit
            assert received(slower) == ([], "")
        with connect(limited) as slower:
            assert received(slower) == ([], "")
        idle.sendall(head(limited, "GET /livez HTTP/1.1"))
        assert status_of(idle) == 200
        sent = limited.client.post(DIRECT, json=purchase("alive", "acc", 1)).json()["event_id"]
        assert any(sent in line for line in messages)


def test_event_streams_are_limited_per_key_and_in_all(limited: RunningApi) -> None:
    other = {"Authorization": f"Bearer {create_key(limited.env, 'audit:read')}"}
    with ExitStack() as streams:
        for headers in ({}, {}, other):
            stream = streams.enter_context(limited.client.stream("GET", STREAM, headers=headers))
            assert stream.status_code == 200
        for headers, words in (({}, "has 2 open"), (other, "This process has 3 open")):
            refused = limited.client.get(STREAM, headers=headers)
            assert (refused.status_code, refused.json()["type"]) == (
                429,
                "/problems/too-many-streams",
            )
            assert refused.headers["Retry-After"] == "5"
            assert refused.headers["Connection"] == "close"
            assert words in refused.json()["detail"]
        assert "txplatform_http_event_streams 3.0" in limited.client.get("/metrics").text
    wait_until(
        lambda: "txplatform_http_event_streams 0.0" in limited.client.get("/metrics").text,
        message="the end of the streams",
    )
    with limited.client.stream("GET", STREAM) as stream:
        assert stream.status_code == 200


def test_a_stream_ends_with_its_client_whatever_was_sent_after_it(limited: RunningApi) -> None:
    with connect(limited) as connection:
        sent = head(limited, f"GET {STREAM} HTTP/1.1") + head(limited, "GET /livez HTTP/1.1")
        connection.sendall(sent)
        wait_until(lambda: metric(limited, STREAMS) == 1, message="the stream")
    wait_until(lambda: metric(limited, STREAMS) == 0, message="the end of the stream")


def test_what_was_sent_before_a_client_closed_its_side_gets_its_responses(
    limited: RunningApi,
) -> None:
    with connect(limited) as connection:
        connection.sendall(head(limited, "GET /livez HTTP/1.1") * 20 + b"FOO / HTTP/1.1\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        assert received(connection) == ([200] * 20 + [501], "not-implemented")


def metric(api: RunningApi, name: str) -> float:
    """Return the value of a metric without labels; the request has a connection of its own."""
    text = httpx.get(f"{api.url}/metrics").text
    (value,) = re.findall(rf"^{name} (.*)$", text, re.MULTILINE)
    return float(value)


@pytest.mark.parametrize("last", [b"", b"FOO / HTTP/1.1\r\n\r\n"], ids=["open", "closing"])
def test_a_client_that_does_not_read_is_dropped(limited: RunningApi, last: bytes) -> None:
    before = metric(limited, "txplatform_http_connections")
    with connect(limited) as connection:
        connection.sendall(head(limited, "GET /openapi.json HTTP/1.1") * 30 + last)
        wait_until(
            lambda: metric(limited, "txplatform_http_connections") == before,
            message="the end of the connection",
        )
        statuses, _ = received(connection)
        assert set(statuses) == {200}
        assert len(statuses) < 30


def test_an_event_stream_that_is_not_read_is_dropped(service_env: dict[str, str]) -> None:
    with Database(service_env["TXPLATFORM_DATABASE_URL"]).connect() as database:
        record(database, [opening("much", 10_000_000)])
        record(database, [purchase_command("much", f"m-{number}", 1) for number in range(3000)])
    with (
        running_api(service_env, TXPLATFORM_API_SEND_TIMEOUT_S=str(LIMIT_S)) as api,
        socket.socket() as connection,
    ):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", urlsplit(api.url).port))
        connection.sendall(head(api, f"GET {STREAM} HTTP/1.1"))
        wait_until(lambda: metric(api, STREAMS) == 1, message="the stream")
        wait_until(lambda: metric(api, STREAMS) == 0, message="the end of the stream")


def test_connections_beyond_the_limit_get_503_and_idle_ones_make_room(
    limited: RunningApi,
) -> None:
    with ExitStack() as stack:
        idle = [stack.enter_context(connect(limited)) for _ in range(MOST)]
        for connection in idle[: MOST - 5]:  # clients that keep their connection
            connection.sendall(head(limited, "GET /livez HTTP/1.1"))
            assert status_of(connection) == 200
        refused = [stack.enter_context(connect(limited)) for _ in range(6)]
        assert received(refused[-1]) == ([503], "overloaded")
        wait_until(
            lambda: httpx.get(f"{limited.url}/livez").status_code == 200,
            message="room for a connection",
        )
        assert received(idle[0]) == ([], "")


@pytest.mark.parametrize("times", [5_000, pytest.param(100_000, marks=pytest.mark.long)])
def test_pipelined_offers_to_upgrade_are_served_one_after_the_other(
    limited: RunningApi, times: int
) -> None:
    """They neither recurse nor fill the memory."""
    offer = head(limited, "GET /livez HTTP/1.1", "Connection: Upgrade", "Upgrade: h2c")
    assert flooded(limited, offer, times) < 50


def flooded(api: RunningApi, request: bytes, times: int) -> float:
    """Send a request many times on one connection, read as many 200 responses.

    Returns:
        The growth of the process in MB.
    """
    process = psutil.Process(api.command.pid)
    before = process.memory_info().rss
    line, rest, last, found = b"HTTP/1.1 200 OK\r\n", b"", b"", 0
    with connect(api) as connection, ThreadPoolExecutor(1) as sender:
        connection.settimeout(600)  # for all bytes together
        sent = sender.submit(connection.sendall, request * times)
        while found < times:
            part = rest + connection.recv(65_536)
            assert len(part) > len(rest), last[-600:]
            last = part
            found += part.count(line)
            rest = part[-len(line) + 1 :]
        sent.result()
    return (process.memory_info().rss - before) / 1e6


@pytest.mark.parametrize(
    ("begin", "more", "statuses"),
    [
        ("GET /livez HTTP/1.1\r\nHost: x\r\nA: ", "b", [431]),
        ("GET /livez HTTP/1.1\r\nHost: x\r\n", "A: b\r\n", [431]),
        ("GET /", "b", [414]),
        (("POST /v1/process-transaction HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer KEY\r\n"
         "Transfer-Encoding: chunked\r\n\r\n1;"), "e=f;", [413]),
        (("POST /v1/process-transaction HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer KEY\r\n"
         "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"), "A: b\r\n", [413]),
        (("POST /v1/accounts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer KEY\r\n"
         "Transfer-Encoding: chunked\r\n\r\n"), "1;x\r\n \r\n", [413]),
    ],
    ids=["a line", "lines", "URL", "chunk extension", "trailers", "chunks"],
)  # fmt: skip
def test_what_a_client_sends_without_end_is_refused(
    limited: RunningApi, begin: str, more: str, statuses: list[int]
) -> None:
    process = psutil.Process(limited.command.pid)
    before = process.memory_info().rss
    with connect(limited) as connection, ThreadPoolExecutor(1) as reader:
        answer = reader.submit(received, connection)
        connection.sendall(begin.replace("KEY", limited.key).encode())
        block = more.encode() * (16_384 // len(more))
        with suppress(OSError):
            for _ in range(640):
                connection.sendall(block)
        assert answer.result()[0] in (statuses, [])
    assert process.memory_info().rss - before < 20e6


def test_chunks_of_one_byte_are_a_body_as_well(limited: RunningApi) -> None:
    body = json.dumps(purchase("chunked", "acc", 1)).encode().ljust(20_000)
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    with connect(limited) as connection:
        connection.sendall(
            head(limited, f"POST {DIRECT} HTTP/1.1", "Transfer-Encoding: chunked") + chunks
        )
        assert status_of(connection) == 200


def test_a_key_has_a_rate_on_every_path(service_env: dict[str, str]) -> None:
    with running_api(
        service_env, TXPLATFORM_API_RATE_PER_KEY="0.01", TXPLATFORM_API_BURST_PER_KEY="10"
    ) as api:
        open_account(api.client, "acc", 1000)
        too_large = api.client.post(DIRECT, content=b" " * 70_000)
        assert too_large.status_code == 413  # and takes one request of the rate
        for number in range(8):
            answer = api.client.post(DIRECT, json=purchase(f"t{number}", "acc", 1))
            assert answer.status_code == 200
        for answer in (
            api.client.post(DIRECT, json=purchase("t9", "acc", 1)),
            api.client.post(f"{DIRECT}?dry_run=true", json=purchase("t9", "acc", 1)),
            api.client.get("/v1/accounts/acc/balance"),
        ):
            assert (answer.status_code, answer.json()["type"]) == (429, "/problems/rate-limited")
            assert 1 <= int(answer.headers["Retry-After"]) <= 100
        assert api.client.get("/livez").status_code == 200
        other = {"Authorization": f"Bearer {create_key(api.env, 'accounts:read')}"}
        answer = api.client.get("/v1/accounts/acc/balance", headers=other)
        assert answer.json()["pending"] == 8
        text = httpx.get(f"{api.url}/metrics").text
        assert 'txplatform_http_problems_total{problem="rate-limited"} 3.0' in text

"""Plain purchases bypass ASGI; callers must not notice, whatever and however they send."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from typing import Self
from urllib.parse import urlsplit

import httpx
import pytest

from harness.api import RunningApi, balance, create_key, open_account, purchase
from harness.processes import run_command
from harness.waiting import wait_until

DIRECT = "/v1/process-transaction"
ASGI = f"{DIRECT}?dry_run=false"
"""The query changes nothing, except that the request is not plain."""

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
JSON_TYPE = "Content-Type: application/json"


@dataclass(frozen=True)
class Response:
    """A response, without the values that differ between any two decisions."""

    status_line: str
    headers: Sequence[tuple[str, str]]
    body: str

    @property
    def status(self) -> int:
        """The status code."""
        return int(self.status_line.split()[1])


class Connection:
    """A connection to the API."""

    def __init__(self, api: RunningApi) -> None:
        port = urlsplit(api.url).port
        assert port is not None
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._received.close()
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self.socket.sendall(data)

    def receive(self) -> Response:
        """Receive one response."""
        status_line = self._received.readline().decode().strip()
        headers = []
        while (line := self._received.readline().decode()) not in ("\r\n", ""):
            name, _, value = line.strip().partition(": ")
            headers.append((name, value))
        length = int(dict(headers)["content-length"])
        body = self._received.read(length).decode()
        for name in ("event_id", "decided_at", "authorization_code"):
            body = re.sub(rf'"{name}":"[^"]*"', f'"{name}":"…"', body)
        return Response(
            status_line, sorted(header for header in headers if header[0] != "date"), body
        )

    @property
    def closed(self) -> bool:
        """True if the server closes the connection without sending more."""
        return self._received.read(1) == b""


def body_of(transaction_id: str, account_id: str, amount: int = 10) -> bytes:
    """Return the body of a purchase."""
    return json.dumps(purchase(transaction_id, account_id, amount)).encode()


def request(
    api: RunningApi, path: str, body: bytes, *headers: str, start: str = "POST {} HTTP/1.1"
) -> bytes:
    """Return the bytes of a request, with the usual headers unless they are given."""
    names = {header.partition(":")[0] for header in headers}
    usual = {
        "Host": "x",
        "Authorization": f"Bearer {api.key}",
        "traceparent": TRACE,
        "Content-Length": str(len(body)),
    }
    if "Transfer-Encoding" in names:
        del usual["Content-Length"]
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    lines = [f"{name}: {value}" for name, value in usual.items() if name not in names]
    return "\r\n".join((start.format(path), *lines, *headers, "\r\n")).encode() + body


@dataclass(frozen=True)
class Case:
    """A request, in which ACCOUNT stands for the account's id."""

    body: bytes = body_of("t", "ACCOUNT")
    headers: tuple[str, ...] = (JSON_TYPE,)
    start: str = "POST {} HTTP/1.1"
    size: int = 0


CASES = {
    "approved": Case(),
    "no content type": Case(headers=()),
    "content type with charset": Case(headers=(f"{JSON_TYPE}; charset=utf-8",)),
    "other content type": Case(headers=("Content-Type: text/plain",)),
    "declined": Case(body_of("t", "ACCOUNT", 5000)),
    "replayed": Case(body_of("first", "ACCOUNT")),
    "id used for another purchase": Case(body_of("first", "ACCOUNT", 11)),
    "unopened account": Case(body_of("t", "ACCOUNT-unopened")),
    "not JSON": Case(b"transaction_id=1"),
    "repeated key": Case(body_of("t", "ACCOUNT")[:-1] + b', "amount": 1}'),
    "invalid": Case(b'{"amount": -1}'),
    "empty": Case(b""),
    "as large as allowed": Case(size=65_536),
    "too large": Case(size=65_537),
    "chunked": Case(headers=("Transfer-Encoding: chunked",)),
    "close": Case(headers=(JSON_TYPE, "Connection: close")),
    "HTTP/1.0": Case(start="POST {} HTTP/1.0"),
    "HTTP/1.0 keep-alive": Case(start="POST {} HTTP/1.0", headers=("Connection: keep-alive",)),
    "GET": Case(b"", start="GET {} HTTP/1.1"),
    "PUT": Case(start="PUT {} HTTP/1.1"),
    "other authorization": Case(headers=("Authorization: Basic YTpi",)),
    "escaped path": Case(start="POST /v1/process%2Dtransaction HTTP/1.1"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_the_direct_response_equals_the_response_of_the_asgi_application(
    api: RunningApi, account_id: str, case: Case
) -> None:
    seen = []
    for suffix, path in (("-1", DIRECT), ("-2", ASGI)):
        account = account_id + suffix
        open_account(api.client, account, 1000)
        assert api.client.post(DIRECT, json=purchase("first", account, 10)).status_code == 200
        body = case.body.replace(b"ACCOUNT", account.encode()).ljust(case.size)
        with Connection(api) as connection:
            connection.send(request(api, path, body, *case.headers, start=case.start))
            response = connection.receive()
            closed = ("connection", "close") in response.headers and connection.closed
        text = response.body.replace(account, "ACCOUNT")
        seen.append((response.status_line, response.headers, text, closed))
    assert seen[0] == seen[1]


@pytest.mark.parametrize(("scope", "status"), [(None, 401), ("accounts:read", 403)])
def test_a_purchase_needs_a_valid_key_with_the_scope(
    api: RunningApi, scope: str | None, status: int
) -> None:
    key = f"txp_{'x' * 43}" if scope is None else create_key(api.env, scope)
    with Connection(api) as connection:
        for path in (DIRECT, ASGI, DIRECT):  # the key is cached after the first request
            connection.send(request(api, path, b"{}", f"Authorization: Bearer {key}"))
            assert connection.receive().status == status


def test_pipelined_requests_are_answered_in_order(api: RunningApi, account_id: str) -> None:
    open_account(api.client, account_id, 1000)
    with Connection(api) as connection:
        connection.send(
            request(api, DIRECT, body_of("t1", account_id))
            + request(api, "/livez", b"", start="GET {} HTTP/1.1")
            + request(api, DIRECT, b"{")
            + request(api, DIRECT, body_of("t2", account_id))
            + request(api, DIRECT, body_of("t5", account_id).ljust(65_536))
            + request(api, ASGI, body_of("t3", account_id))
            + request(api, DIRECT, body_of("t4", account_id), "Connection: close")
        )
        responses = [connection.receive() for _ in range(7)]
        assert connection.closed
    assert [each.status for each in responses] == [200, 200, 400, 200, 200, 200, 200]
    ids = [json.loads(responses[at].body)["transaction_id"] for at in (0, 3, 4, 5, 6)]
    assert ids == ["t1", "t2", "t5", "t3", "t4"]
    assert balance(api.client, account_id)["pending"] == 50


def test_a_pipelined_body_that_is_too_large_is_refused(api: RunningApi, account_id: str) -> None:
    open_account(api.client, account_id, 1000)
    small, large = body_of("t1", account_id), body_of("t2", account_id).ljust(65_537)
    with Connection(api) as connection:
        connection.send(request(api, DIRECT, small) + request(api, DIRECT, large))
        assert [connection.receive().status for _ in range(2)] == [200, 413]
        assert connection.closed
    assert balance(api.client, account_id)["pending"] == 10


def test_hundreds_of_pipelined_requests_are_answered(api: RunningApi, account_id: str) -> None:
    """Neither refused requests nor upgrade offers use the stack of the requests before."""
    open_account(api.client, account_id, 1000)
    offer = ("Connection: Upgrade", "Upgrade: h2c")
    refused, offered = request(api, DIRECT, b"{"), request(api, DIRECT, b"{", *offer)
    with Connection(api) as connection, ThreadPoolExecutor(1) as sender:
        sent = sender.submit(connection.send, refused * 1000 + offered * 1000)
        assert [connection.receive().status for _ in range(2000)] == [400] * 2000
        sent.result()


def test_a_body_may_come_in_pieces(api: RunningApi, account_id: str) -> None:
    open_account(api.client, account_id, 1000)
    sent = request(api, DIRECT, body_of("t1", account_id), JSON_TYPE)
    sent += request(api, DIRECT, body_of("t2", account_id), JSON_TYPE)
    with Connection(api) as connection:
        for at in range(0, len(sent), 97):
            connection.send(sent[at : at + 97])
            assert api.client.get("/livez").status_code == 200  # the piece has been read by then
        assert [connection.receive().status for _ in range(2)] == [200, 200]
    assert balance(api.client, account_id)["pending"] == 20


def plain_request(api: RunningApi, body: bytes, *headers: str) -> bytes:
    """Return a request without a trace, whose head the API remembers once it has parsed it."""
    sent = request(api, DIRECT, body, *headers)
    return sent.replace(f"traceparent: {TRACE}\r\n".encode(), b"")


def test_a_head_that_was_parsed_before_decides_the_next_body(
    api: RunningApi, account_id: str
) -> None:
    open_account(api.client, account_id, 1000)
    bodies = [body_of(f"t{number}", account_id, 10 + number) for number in range(3)]
    bodies += [bodies[0], b"{".ljust(len(bodies[0])), body_of("t9", account_id, 90)]
    with Connection(api) as connection:
        responses = []
        for body in bodies:
            connection.send(plain_request(api, body))
            responses.append(connection.receive())
    assert [each.status for each in responses] == [200, 200, 200, 200, 400, 200]
    assert ("idempotency-replayed", "true") in responses[3].headers
    assert [json.loads(responses[at].body)["amount"] for at in (0, 1, 2, 3, 5)] == [
        10,
        11,
        12,
        10,
        90,
    ]
    traces = {dict(each.headers)["x-correlation-id"] for each in responses}
    assert len(traces) == len(responses)
    assert balance(api.client, account_id)["pending"] == 10 + 11 + 12 + 90


@pytest.mark.parametrize("cut", [1, 40, -30, -1])
def test_a_known_head_may_come_in_pieces(api: RunningApi, account_id: str, cut: int) -> None:
    open_account(api.client, account_id, 1000)
    with Connection(api) as connection:
        for number in range(4):
            sent = plain_request(api, body_of(f"t{number}", account_id))
            connection.send(sent[:cut])
            assert api.client.get("/livez").status_code == 200  # the piece has been read by then
            connection.send(sent[cut:])
            assert connection.receive().status == 200
    assert balance(api.client, account_id)["pending"] == 40


def test_pipelined_requests_with_known_heads_are_answered_in_order(
    api: RunningApi, account_id: str
) -> None:
    open_account(api.client, account_id, 1000)
    with Connection(api) as connection:
        connection.send(plain_request(api, body_of("t0", account_id)))
        assert connection.receive().status == 200
        connection.send(plain_request(api, body_of("t1", account_id)))
        connection.send(plain_request(api, body_of("t2", account_id)))
        connection.send(b"".join(plain_request(api, body_of(f"t{n}", account_id)) for n in (3, 4)))
        responses = [connection.receive() for _ in range(4)]
    ids = [json.loads(each.body)["transaction_id"] for each in responses]
    assert ids == ["t1", "t2", "t3", "t4"]
    assert balance(api.client, account_id)["pending"] == 50


def test_a_known_head_does_not_let_a_revoked_key_in(own_api: RunningApi) -> None:
    api = own_api
    arguments = ("keys", "create", "--name", "k", "--scope", "transactions:write", "--json")
    created = json.loads(run_command(*arguments, env=api.env)[1])
    open_account(api.client, "acc", 1000)

    def status(number: int) -> int:
        header = f"Authorization: Bearer {created['key']}"
        connection.send(plain_request(api, body_of(f"t{number}", "acc"), header))
        return connection.receive().status

    with Connection(api) as connection:
        assert [status(number) for number in range(3)] == [200, 200, 200]
        assert run_command("keys", "revoke", created["id"], env=api.env)[0] == 0
        numbers = count(3)
        wait_until(lambda: status(next(numbers)) == 401, message="the refusal")


def test_a_large_body_is_refused_before_it_is_complete(api: RunningApi) -> None:
    sent = request(api, DIRECT, b" " * 1_000_000, JSON_TYPE)
    with Connection(api) as connection:
        connection.send(sent[:100_000])
        assert connection.receive().status == 413
        assert connection.closed


def test_a_client_may_wait_for_100_continue(api: RunningApi, account_id: str) -> None:
    open_account(api.client, account_id, 1000)
    body = body_of("t1", account_id)
    sent = request(api, DIRECT, body, JSON_TYPE, "Expect: 100-continue")
    with Connection(api) as connection:
        connection.send(sent[: -len(body)])
        interim = b"HTTP/1.1 100 Continue\r\n\r\n"
        assert connection.socket.recv(len(interim), socket.MSG_WAITALL) == interim
        connection.send(body)
        assert connection.receive().status == 200


def test_a_purchase_is_decided_even_if_its_client_leaves(own_api: RunningApi) -> None:
    api = own_api
    open_account(api.client, "acc", 1000)
    assert api.client.post(DIRECT, json=purchase("t0", "acc", 10)).status_code == 200
    with Connection(api) as connection:
        connection.send(request(api, DIRECT, body_of("t1", "acc")))
    with Connection(api) as connection:
        connection.send(request(api, DIRECT, body_of("t2", "acc"))[:-1])
    with Connection(api) as connection:
        connection.send(request(api, DIRECT, body_of("t3", "acc")) + b"POST ")
    wait_until(lambda: balance(api.client, "acc")["pending"] >= 30, message="the decisions")
    assert balance(api.client, "acc")["pending"] == 30
    assert api.command.stop() == 0
    assert "rror" not in api.command.stderr


def test_a_purchase_that_is_still_received_at_a_stop_is_decided(own_api: RunningApi) -> None:
    api = own_api
    open_account(api.client, "acc", 1000)
    assert api.client.post(DIRECT, json=purchase("t0", "acc", 10)).status_code == 200
    sent = request(api, DIRECT, body_of("t1", "acc"))
    with Connection(api) as connection, ThreadPoolExecutor(1) as stopper:
        connection.send(sent[:-1])
        assert api.client.get("/livez").status_code == 200  # the rest has been read by then
        api.client.close()
        stopped = stopper.submit(api.command.stop)

        def refuses() -> bool:
            try:
                with Connection(api):
                    return False
            except ConnectionRefusedError:
                return True

        wait_until(refuses, message="the stop")
        connection.send(sent[-1:])
        assert connection.receive().status == 200
        assert connection.closed
        assert stopped.result() == 0


def test_a_purchase_whose_body_never_comes_does_not_hold_the_stop_back(
    own_api: RunningApi,
) -> None:
    api = own_api
    open_account(api.client, "acc", 1000)
    assert api.client.post(DIRECT, json=purchase("t0", "acc", 10)).status_code == 200
    with Connection(api) as connection:
        connection.send(request(api, DIRECT, body_of("t1", "acc"))[:-1])
        assert httpx.get(f"{api.url}/livez").status_code == 200
        assert api.command.stop() == 0
        response = connection.receive()
        assert (response.status, json.loads(response.body)["type"]) == (
            503,
            "/problems/outcome-unknown",
        )

"""HTTP and trace context by their RFCs, over raw sockets."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import psycopg
import pytest

from harness.api import RunningApi, balance, create_key, open_account, purchase
from harness.waiting import wait_until

DIRECT = "/v1/process-transaction"
ASGI = f"{DIRECT}?dry_run=false"
TRACE = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331"


@dataclass(frozen=True)
class Answer:
    """The last response on a connection that the server closed."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def problem(self) -> str:
        """The name of the problem."""
        return str(json.loads(self.body)["type"]).removeprefix("/problems/")


def exchange(api: RunningApi, sent: bytes, *, half_close: bool = False) -> list[Answer]:
    """Send bytes, and return the responses until the server closes the connection."""
    port = urlsplit(api.url).port
    assert port is not None
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(sent)
        if half_close:
            connection.shutdown(socket.SHUT_WR)
        received = connection.makefile("rb")
        answers = []
        while status_line := received.readline():
            lines = iter(received.readline, b"\r\n")
            headers = {
                name.lower(): value.strip()
                for name, _, value in (line.decode().partition(":") for line in lines)
            }
            without = sent.startswith(b"HEAD") or b" 304 " in status_line
            body = b"" if without else received.read(int(headers.get("content-length", 0)))
            answers.append(Answer(int(status_line.split()[1]), headers, body))
        return answers


def ask(api: RunningApi, start: str, *lines: str, body: bytes = b"", host: str = "x") -> Answer:
    """Send one request whose connection closes after it, and return the response."""
    given = [f"Host: {host}"] if host else []
    given += [f"Authorization: Bearer {api.key}", "Connection: close", *lines]
    if body and not any(line.startswith("Transfer-Encoding") for line in lines):
        given.append(f"Content-Length: {len(body)}")
    sent = "\r\n".join((start, *given, "", "")).encode("latin-1") + body
    (answer,) = exchange(api, sent)
    return answer


GET = "GET /livez HTTP/1.1"
POST = f"POST {DIRECT} HTTP/1.1"

REFUSED: dict[str, tuple[tuple[str, ...], str, int, str]] = {
    "no Host": ((GET,), "", 400, "invalid-http"),
    "two Hosts": ((GET, "Host: x"), "x", 400, "invalid-http"),
    "two Hosts in HTTP/1.0": (("GET /livez HTTP/1.0", "Host: x"), "x", 400, "invalid-http"),
    "Host with a path": ((GET,), "x/y", 400, "invalid-http"),
    "Host with a user": ((GET,), "a@x", 400, "invalid-http"),
    "Host with a blank": ((GET,), "a b", 400, "invalid-http"),
    "Host with a bad port": ((GET,), "x:8o", 400, "invalid-http"),
    "Host with an open bracket": ((GET,), "[::1", 400, "invalid-http"),
    "HTTP/2.0": (("GET /livez HTTP/2.0",), "x", 505, "http-version-not-supported"),
    "HTTP/0.9": (("GET /livez HTTP/0.9",), "x", 505, "http-version-not-supported"),
    "HTTP/3.7": (("GET /livez HTTP/3.7",), "x", 505, "http-version-not-supported"),
    "HTTP/2 preface": (("PRI * HTTP/2.0",), "", 505, "http-version-not-supported"),
    "no version": (("GET /livez",), "x", 505, "http-version-not-supported"),
    "unknown method": (("FOO /livez HTTP/1.1",), "x", 501, "not-implemented"),
    "method in lower case": (("get /livez HTTP/1.1",), "x", 501, "not-implemented"),
    "CONNECT": (("CONNECT x:443 HTTP/1.1",), "x", 501, "not-implemented"),
    "other coding": ((POST, "Transfer-Encoding: gzip, chunked"), "x", 501, "not-implemented"),
    "two codings": (
        (POST, "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
        *("x", 400, "invalid-http"),
    ),
    "coding in HTTP/1.0": (
        (f"POST {DIRECT} HTTP/1.0", "Transfer-Encoding: chunked"),
        *("x", 400, "invalid-http"),
    ),
    "coding and length": (
        (POST, "Transfer-Encoding: chunked", "Content-Length: 5"),
        *("x", 400, "invalid-http"),
    ),
    "two lengths": ((POST, "Content-Length: 5", "Content-Length: 6"), "x", 400, "invalid-http"),
    "raw byte in the path": (("GET /\x00 HTTP/1.1",), "x", 400, "invalid-http"),
    "blank before the colon": ((GET, "Accept : x"), "x", 400, "invalid-http"),
    "folded line": ((GET, "Accept: x\r\n y"), "x", 400, "invalid-http"),
    "long URL": ((f"GET /{'x' * 8192} HTTP/1.1",), "x", 414, "uri-too-long"),
    "very long URL": ((f"GET /{'x' * 100_000} HTTP/1.1",), "x", 414, "uri-too-long"),
    "101 lines": ((GET, *["A: b"] * 98), "x", 431, "head-too-large"),
    "long line": ((GET, f"A: {'b' * 80_000}"), "x", 431, "head-too-large"),
}


@pytest.mark.parametrize(("lines", "host", "status", "problem"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_http_1_1_is_refused_as_a_problem(
    api: RunningApi, lines: tuple[str, ...], host: str, status: int, problem: str
) -> None:
    answer = ask(api, *lines, host=host)
    assert (answer.status, answer.problem) == (status, problem)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["connection"] == "close"
    body = json.loads(answer.body)
    assert body["correlation_id"] == answer.headers["x-correlation-id"]
    assert body["next_step"]


@pytest.mark.parametrize(
    ("lines", "host"),
    [
        ((GET,), "x"),
        ((GET,), "x:8000"),
        ((GET,), "[::1]:8000"),
        ((GET,), "a_b.example"),
        ((GET, *["A: b"] * 97), "x"),
        ((GET, f"A: {'b' * 16_000}"), "x"),
        ((f"GET /livez?{'x' * 8000} HTTP/1.1",), "x"),
        (("GET http://x/livez HTTP/1.1",), "x"),
        (("GET /livez HTTP/1.0",), ""),
    ],
)
def test_unusual_heads_are_served(api: RunningApi, lines: tuple[str, ...], host: str) -> None:
    assert ask(api, *lines, host=host).status == 200


def test_an_empty_host_is_allowed(api: RunningApi) -> None:
    assert ask(api, GET, "Host:", host="").status == 200


def test_every_resource_answers_head_as_get_without_a_body(api: RunningApi) -> None:
    document = api.client.get("/openapi.json").json()
    open_account(api.client, "head", 1000)
    assert api.client.post(DIRECT, json=purchase("t1", "head", 1)).status_code == 200
    paths = [path for path, operations in document["paths"].items() if "get" in operations]
    ids = {"account_id": "head", "transaction_id": "t1", "ruleset_id": "default@1"}
    for template in [*paths, "/metrics", "/openapi.json", "/docs", "/docs/swagger-ui.css"]:
        path = re.sub(r"\{(\w+)\}", lambda found: ids.get(found[1], "x"), template)
        head = ask(api, f"HEAD {path} HTTP/1.1")
        assert head.headers["connection"] == "close"
        if template == "/v1/events/stream":
            assert (head.status, head.headers["content-type"]) == (
                200,
                "text/event-stream; charset=utf-8",
            )
            continue
        got = ask(api, f"GET {path} HTTP/1.1")
        assert head.status == got.status, path
        changes = {"date", "x-correlation-id", "etag", "last-modified"}
        if template in {"/metrics", "/readyz"} or "balance" in template:
            changes.add("content-length")
        assert head.headers.keys() == got.headers.keys(), path
        assert {k: v for k, v in head.headers.items() if k not in changes} == {
            k: v for k, v in got.headers.items() if k not in changes
        }, path
        assert int(head.headers["content-length"]) > 0


def test_head_of_a_command_is_405_with_the_methods(api: RunningApi) -> None:
    assert ask(api, f"HEAD {DIRECT} HTTP/1.1").headers["allow"] == "POST"
    assert ask(api, "DELETE /v1/events HTTP/1.1").headers["allow"] == "GET, HEAD"
    assert "GET, HEAD" in ask(api, "DELETE /v1/rulesets HTTP/1.1").headers["allow"]


def test_v1_responses_are_never_stored(api: RunningApi, account_id: str) -> None:
    open_account(api.client, account_id, 1000)
    answers = [
        api.client.post(DIRECT, json=purchase("t1", account_id, 1)),
        api.client.post(DIRECT, json=purchase("t1", account_id, 1)),
        api.client.post(ASGI, json=purchase("t2", account_id, 1)),
        api.client.post(DIRECT, json={}),
        api.client.get(f"/v1/accounts/{account_id}/balance"),
        api.client.get(f"/v1/accounts/{account_id}/balance", headers={"If-None-Match": "*"}),
        api.client.get(f"/v1/accounts/{account_id}/postings"),
        api.client.get("/v1/accounts/nobody/balance"),
        api.client.get("/v1/nothing"),
        api.client.get("/v1/currencies", headers={"Authorization": ""}),
    ]
    assert {each.headers["Cache-Control"] for each in answers} == {"no-store"}


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (["*"], 304),
        (['"1"'], 304),
        (['W/"1"'], 304),
        (['"7", W/"1"'], 304),
        (['"7"', 'W/"1"'], 304),
        (['"7"', "*"], 304),
        (['W/"7"', '"11"'], 200),
        (["1"], 200),
        (['"rubbish'], 200),
    ],
)
def test_if_none_match_compares_versions_weakly(
    api: RunningApi, account_id: str, lines: list[str], status: int
) -> None:
    open_account(api.client, account_id, 1000)
    path = f"GET /v1/accounts/{account_id}/balance HTTP/1.1"
    answer = ask(api, path, *(f"If-None-Match: {line}" for line in lines))
    assert (answer.status, answer.headers["etag"]) == (status, 'W/"1"')


@pytest.mark.parametrize("path", [DIRECT, ASGI, "/v1/accounts"])
def test_a_compressed_body_is_refused_and_not_decided(
    api: RunningApi, account_id: str, path: str
) -> None:
    open_account(api.client, account_id, 1000)
    body = json.dumps(purchase("t1", account_id, 1)).encode()
    start = f"POST {path} HTTP/1.1"
    for _ in range(2):  # a head that was parsed before must not be let in
        answer = ask(api, start, "Content-Encoding: gzip", body=body)
        assert (answer.status, answer.problem) == (415, "unsupported-media-type")
        assert answer.headers["accept-encoding"] == "identity"
    assert balance(api.client, account_id)["account_version"] == 1
    if path != "/v1/accounts":
        assert ask(api, start, "Content-Encoding: identity", body=body).status == 200


def test_trailers_are_not_headers(api: RunningApi) -> None:
    sent = (
        f"POST {ASGI} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        "Transfer-Encoding: chunked\r\n\r\n2;ext=1\r\n{}\r\n0\r\n"
        f"Authorization: Bearer {api.key}\r\n\r\n"
    )
    (answer,) = exchange(api, sent.encode())
    assert answer.status == 401


@pytest.mark.parametrize("path", [DIRECT, ASGI])
def test_a_client_that_closes_its_side_gets_its_responses(
    api: RunningApi, account_id: str, path: str
) -> None:
    open_account(api.client, account_id, 1000)
    bodies = [json.dumps(purchase(f"t{n}", account_id, 1)).encode() for n in range(40)]
    sent = b"".join(
        b"POST %b HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\nContent-Length: %d\r\n\r\n%b"
        % (path.encode(), api.key.encode(), len(body), body)
        for body in bodies
    )
    answers = exchange(api, sent, half_close=True)
    assert [each.status for each in answers] == [200] * 40
    assert answers[-1].headers["connection"] == "close"
    assert balance(api.client, account_id)["pending"] == 40


def test_a_client_that_closes_its_side_too_early_gets_no_response(
    api: RunningApi, account_id: str
) -> None:
    open_account(api.client, account_id, 1000)
    body = json.dumps(purchase("t1", account_id, 1)).encode()
    head = f"{POST}\r\nHost: x\r\nAuthorization: Bearer {api.key}\r\nContent-Length: {len(body)}"
    for sent in (b"", head.encode(), head.encode() + b"\r\n\r\n" + body[:-1]):
        assert exchange(api, sent, half_close=True) == []
    assert balance(api.client, account_id)["account_version"] == 1


def test_a_bad_request_does_not_take_the_response_from_the_one_before_it(
    api: RunningApi, account_id: str
) -> None:
    open_account(api.client, account_id, 1000)
    body = json.dumps(purchase("t1", account_id, 1)).encode()
    for path in (DIRECT, ASGI):
        good = (
            b"POST %b HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (path.encode(), api.key.encode(), len(body), body)
        )
        for bad in (b"FOO / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"):
            statuses = [each.status for each in exchange(api, good * 3 + bad)]
            assert statuses == [200, 200, 200, 501 if bad[0] == ord("F") else 400]
        chunked = good.replace(b"Content-Length: %d" % len(body), b"Transfer-Encoding: chunked")
        assert [each.status for each in exchange(api, good + chunked)] == [200, 400]


@pytest.mark.parametrize(
    ("authorization", "challenge"),
    [
        ("", "Bearer"),
        ("Basic YTpi", "Bearer"),
        (f"Bearer txp_{'x' * 43}", 'Bearer error="invalid_token"'),
    ],
)
def test_a_challenge_says_what_is_wrong_with_the_key(
    api: RunningApi, authorization: str, challenge: str
) -> None:
    for path in (DIRECT, "/v1/events"):
        method = "POST" if path == DIRECT else "GET"
        answer = api.client.request(method, path, headers={"Authorization": authorization})
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, challenge)


def test_a_challenge_names_the_scope_that_is_missing(api: RunningApi) -> None:
    headers = {"Authorization": f"Bearer {create_key(api.env, 'rules:read')}"}
    for answer, scope in (
        (api.client.post(DIRECT, headers=headers, json={}), "transactions:write"),
        (api.client.get("/v1/events", headers=headers), "audit:read"),
    ):
        assert answer.status_code == 403
        assert (
            answer.headers["WWW-Authenticate"]
            == f'Bearer error="insufficient_scope", scope="{scope}"'
        )


TRACES: dict[str, tuple[list[str], str | None, str]] = {
    "version 00": ([f"traceparent: 00-{TRACE}-01"], f"00-{TRACE}-01", ""),
    "not sampled": ([f"traceparent: 00-{TRACE}-00"], f"00-{TRACE}-00", ""),
    "version ff": ([f"traceparent: ff-{TRACE}-01"], None, ""),
    "a higher version": ([f"traceparent: 01-{TRACE}-09-extra"], f"00-{TRACE}-01", ""),
    "a higher version without more": ([f"traceparent: cc-{TRACE}-01"], f"00-{TRACE}-01", ""),
    "a higher version that goes on": ([f"traceparent: cc-{TRACE}-01x"], None, ""),
    "version 00 with more": ([f"traceparent: 00-{TRACE}-01-extra"], None, ""),
    "capital letters": ([f"traceparent: 00-{TRACE.upper()}-01"], None, ""),
    "two": ([f"traceparent: 00-{TRACE}-01"] * 2, None, ""),
    "two and a state": ([f"traceparent: 00-{TRACE}-01"] * 2 + ["tracestate: a=1"], None, ""),
    "state": ([f"traceparent: 00-{TRACE}-01", "tracestate: a=1"], f"00-{TRACE}-01", "a=1"),
    "states": (
        ["tracestate: t@a=1", f"traceparent: 00-{TRACE}-01", "tracestate: b=2 , c=3"],
        *(f"00-{TRACE}-01", "t@a=1,b=2 , c=3"),
    ),
    "state alone": (["tracestate: a=1"], None, ""),
    "state of a broken trace": ([f"traceparent: ff-{TRACE}-01", "tracestate: a=1"], None, ""),
    "malformed state": ([f"traceparent: 00-{TRACE}-01", "tracestate: a"], f"00-{TRACE}-01", ""),
    "long state": (
        [f"traceparent: 00-{TRACE}-01", f"tracestate: a={'x' * 250},b={'x' * 256},c=1"],
        *(f"00-{TRACE}-01", ""),
    ),
    "card number as state": (
        [f"traceparent: 00-{TRACE}-01", "tracestate: a=4111111111111111"],
        *(f"00-{TRACE}-01", ""),
    ),
}


@pytest.mark.parametrize("trace", TRACES.values(), ids=TRACES)
@pytest.mark.parametrize("path", [DIRECT, ASGI, "/v1/accounts"])
def test_a_trace_is_kept_or_begun_by_its_specification(
    api: RunningApi, account_id: str, path: str, trace: tuple[list[str], str | None, str]
) -> None:
    """W3C Trace Context, sections 3.2 and 4.3."""
    lines, traceparent, state = trace
    if path == "/v1/accounts":
        body = {"account_id": account_id, "currency": "USD", "credit_limit": 1}
    else:
        open_account(api.client, account_id, 1000)
        body = purchase("t1", account_id, 1)
        assert api.client.post(DIRECT, json=purchase("t0", account_id, 1)).status_code == 200
    answer = ask(api, f"POST {path} HTTP/1.1", *lines, body=json.dumps(body).encode())
    assert answer.status in {200, 201}
    event = api.client.get(f"/v1/accounts/{account_id}/events").json()["items"][-1]
    assert event["traceparent"].split("-")[1] == answer.headers["x-correlation-id"]
    if traceparent is None:
        assert event["traceparent"][3:] != TRACE + "-01"
    else:
        assert event["traceparent"] == traceparent
    assert stored_state(api, event["event_id"]) == state


def stored_state(api: RunningApi, event_id: str) -> str:
    """Return the `tracestate` of an event in the log."""
    with psycopg.connect(api.env["TXPLATFORM_DATABASE_URL"]) as connection:
        row = connection.execute(
            "SELECT convert_from(state, 'UTF8')::json ->> 'tracestate' FROM events"
            " WHERE convert_from(state, 'UTF8')::json ->> 'event_id' = %s",
            (event_id,),
        ).fetchone()
        assert row is not None
        return row[0] or ""


def test_the_stream_of_a_client_that_left_ends(own_api: RunningApi) -> None:
    def open_streams() -> str:
        (line,) = re.findall(
            r"^txplatform_http_event_streams (\S+)$",
            own_api.client.get("/metrics").text,
            re.MULTILINE,
        )
        return str(line)

    with own_api.client.stream("GET", "/v1/events/stream") as stream:
        received = stream.iter_bytes()  # the stream would end with it
        assert next(received)
        assert open_streams() == "1.0"
    wait_until(lambda: open_streams() == "0.0", message="the end of the stream")

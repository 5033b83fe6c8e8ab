"""The request log and the HTTP metrics: each request once, on each path, without secrets."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from harness.api import RunningApi, open_account, purchase, running_api
from harness.postgres import PostgresServer, TestDatabase
from harness.waiting import wait_until

PURCHASES = "/v1/process-transaction"
CARD = "4111111111111111"


@pytest.fixture(scope="module")
def logged_api(postgres: PostgresServer) -> Iterator[RunningApi]:
    """An API that logs as JSON."""
    database = postgres.new_database()
    with running_api(
        {"TXPLATFORM_DATABASE_URL": database.service_url, "TXPLATFORM_LOG_FORMAT": "json"},
        TXPLATFORM_SLOW_REQUEST_MS="60000",
    ) as api:
        yield api
    postgres.drop(database)


def lines(api: RunningApi) -> list[dict[str, Any]]:
    """Return the log lines about requests."""
    parsed = [json.loads(line) for line in api.command.stderr.splitlines() if line[:1] == "{"]
    return [line for line in parsed if line.get("component") == "http"]


def line_of(api: RunningApi, correlation_id: str) -> dict[str, Any]:
    """Return the one log line with this correlation id."""

    def found() -> list[dict[str, Any]]:
        return [line for line in lines(api) if line["correlation_id"] == correlation_id]

    wait_until(lambda: bool(found()), message="the log line")
    (line,) = found()
    return line


def counts(api: RunningApi) -> dict[tuple[str, str, str], float]:
    """Return the number of requests by method, route and status."""
    families = text_string_to_metric_families(httpx.get(f"{api.url}/metrics").text)
    return {
        (sample.labels["method"], sample.labels["route"], sample.labels["status"]): sample.value
        for family in families
        for sample in family.samples
        if sample.name == "txplatform_http_requests_total"
    }


def key_id(api: RunningApi) -> str:
    """Return the id of the client's key."""
    answer = api.client.post(PURCHASES, json=purchase("k", "unknown", 1))
    event = api.client.get("/v1/events", params={"limit": 1000}).json()["items"][-1]
    assert event["event_id"] == answer.json()["event_id"]
    return str(event["caused_by"]["id"])


REFUSED: dict[str, tuple[Callable[[httpx.Client], httpx.Response], str, str, str, int]] = {
    "no key": (
        lambda client: client.post(PURCHASES, headers={"Authorization": f"Bearer {CARD}"}),
        *("POST", PURCHASES, "unauthenticated", 401),
    ),
    "plain purchase": (
        lambda client: client.post(PURCHASES, json=purchase("t", "acc", -1)),
        *("POST", PURCHASES, "validation", 422),
    ),
    "purchase through ASGI": (
        lambda client: client.post(f"{PURCHASES}?{CARD}=1", json=purchase("t", "acc", 1)),
        *("POST", PURCHASES, "validation", 422),
    ),
    "read of an account": (
        lambda client: client.get(f"/v1/accounts/{CARD}/balance"),
        *("GET", "/v1/accounts/{account_id}/balance", "account-not-found", 404),
    ),
    "query": (
        lambda client: client.get(f"/v1/events?limit={CARD}"),
        *("GET", "/v1/events", "validation", 422),
    ),
    "another method": (
        lambda client: client.request("PROPFIND", "/v1/events"),
        *("PROPFIND", "/v1/events", "method-not-allowed", 405),
    ),
    "no such path": (
        lambda client: client.get(f"/{CARD}"),
        *("GET", "-", "not-found", 404),
    ),
}


def test_every_refusal_is_found_by_its_correlation_id_and_counted_by_route(
    logged_api: RunningApi,
) -> None:
    """A wrong key, a value of a field, of the path and of the query stay out of the log."""
    open_account(logged_api.client, "acc", 1000)
    own_key = key_id(logged_api)
    for name, (send, method, route, problem, status) in REFUSED.items():
        before = counts(logged_api)
        answer = send(logged_api.client)
        assert answer.json()["correlation_id"] == answer.headers["X-Correlation-Id"]
        line = line_of(logged_api, answer.json()["correlation_id"])
        assert line.pop("duration_ms") >= 0
        known = {"no key", "another method", "no such path"}
        assert line.pop("key_id", None) == (None if name in known else own_key)
        assert line.pop("reason", None) == ("malformed" if name == "no key" else None)
        shown = method if method in {"GET", "POST"} else "-"
        assert line == {
            "component": "http",
            "correlation_id": answer.headers["X-Correlation-Id"],
            "event": "request refused",
            "level": "warning",
            "method": shown,
            "problem": problem,
            "route": route,
            "status": status,
            "timestamp": line["timestamp"],
        }
        label = (shown, route, str(status))
        assert counts(logged_api)[label] == before.get(label, 0) + 1
    assert CARD not in logged_api.command.stderr
    assert logged_api.key not in logged_api.command.stderr


def test_a_head_request_is_logged_with_its_route(logged_api: RunningApi) -> None:
    refused = logged_api.client.head("/v1/accounts/none/balance")
    line = line_of(logged_api, refused.headers["X-Correlation-Id"])
    assert (line["method"], line["status"]) == ("HEAD", 404)
    assert line["route"] == "/v1/accounts/{account_id}/balance"


def test_requests_that_are_served_are_counted_and_not_logged(logged_api: RunningApi) -> None:
    open_account(logged_api.client, "acc", 1000)
    label, lines_before = ("POST", PURCHASES, "200"), lines(logged_api)
    before = counts(logged_api).get(label, 0)
    for number in range(3):
        logged_api.client.post(PURCHASES, json=purchase(f"t{number}", "acc", 1))
    logged_api.client.post(f"{PURCHASES}?dry_run=true", json=purchase("t9", "acc", 1))
    assert counts(logged_api)[label] == before + 4
    assert lines(logged_api) == lines_before


def test_bytes_that_are_not_http_are_refused_with_a_correlation_id(logged_api: RunningApi) -> None:
    before = counts(logged_api)
    port = urlsplit(logged_api.url).port
    assert port is not None
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(b"GET /\x00 HTTP\r\n\r\n")
        head, _, body = connection.makefile("rb").read().decode().partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 400 ")
    problem = json.loads(body)
    assert (problem["type"], problem["status"]) == ("/problems/invalid-http", 400)
    assert problem["detail"] == "Invalid char in url path."
    headers = dict(line.split(": ") for line in head.splitlines()[1:])
    line = line_of(logged_api, headers["x-correlation-id"])
    assert (line["status"], line["problem"]) == (400, "invalid-http")
    assert counts(logged_api)["-", "-", "400"] == before.get(("-", "-", "400"), 0) + 1


@pytest.mark.long
def test_at_debug_all_requests_are_logged_and_a_stream_when_it_begins(
    database: TestDatabase,
) -> None:
    with running_api(
        {"TXPLATFORM_DATABASE_URL": database.service_url},
        TXPLATFORM_LOG_FORMAT="json",
        TXPLATFORM_LOG_LEVEL="debug",
        TXPLATFORM_SLOW_REQUEST_MS="60000",
    ) as api:
        open_account(api.client, "acc", 1000)
        answer = api.client.post(PURCHASES, json=purchase("t", "acc", 1))
        line = line_of(api, answer.headers["X-Correlation-Id"])
        assert (line["event"], line["level"], line["status"]) == ("request served", "debug", 200)
        with api.client.stream("GET", "/v1/events/stream") as stream:
            line = line_of(api, stream.headers["X-Correlation-Id"])
            assert (line["event"], line["route"]) == ("request served", "/v1/events/stream")
            assert "txplatform_http_requests_in_flight 2.0" in httpx.get(f"{api.url}/metrics").text


@pytest.mark.long
def test_a_failed_request_is_logged_as_an_error_and_the_outage_once(
    own_postgres: PostgresServer,
) -> None:
    """A probe that fails is not logged each time: the reason is logged when it changes."""
    database = own_postgres.new_database()
    with running_api(
        {"TXPLATFORM_DATABASE_URL": database.service_url},
        TXPLATFORM_LOG_FORMAT="json",
        TXPLATFORM_DECISION_TIMEOUT_S="1",
    ) as api:
        open_account(api.client, "acc", 1000)
        own_postgres.stop()
        answer = api.client.post(PURCHASES, json=purchase("t", "acc", 1))
        assert answer.status_code == 503
        line = line_of(api, answer.json()["correlation_id"])
        assert (line["event"], line["level"]) == ("request failed", "error")
        assert f"/problems/{line['problem']}" == answer.json()["type"]
        for method in ("GET", "HEAD", "GET"):
            assert httpx.request(method, f"{api.url}/readyz").status_code == 503
        assert [each for each in lines(api) if each["route"] == "/readyz"] == []
        assert '"not ready"' in api.command.stderr
        assert 'txplatform_ready{part="api"} 0.0' in httpx.get(f"{api.url}/metrics").text
        own_postgres.start()
        wait_until(lambda: '"ready again"' in api.command.stderr, message="readiness in the log")

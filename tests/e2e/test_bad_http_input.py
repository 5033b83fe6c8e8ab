"""Invalid HTTP input gets the right problem, and nothing of it is recorded."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from harness.api import (
    ALL_SCOPES,
    RunningApi,
    balance,
    count_events,
    create_key,
    open_account,
    purchase,
)

CARD = "4111111111111111"
"""A card number that passes Luhn; no response may repeat it."""

GOOD = purchase("good", "acc", 10)
PATH = "/v1/process-transaction"


@pytest.fixture(autouse=True)
def _nothing_is_recorded(api: RunningApi) -> Iterator[None]:
    """Check that the requests changed neither the account nor the log."""
    open_account(api.client, "acc", 1000)
    before = count_events(api)
    yield
    assert balance(api.client, "acc")["account_version"] == 1
    assert count_events(api) == before


def check(answer: httpx.Response, status: int, kind: str) -> dict[str, Any]:
    """Check that the response is this problem, complete and without a card number."""
    assert (answer.status_code, answer.headers["Content-Type"]) == (
        status,
        "application/problem+json",
    ), answer.text
    problem: dict[str, Any] = answer.json()
    assert problem["type"] == f"/problems/{kind}"
    assert problem["status"] == status
    assert problem["detail"]
    assert problem["next_step"]
    assert problem["correlation_id"] == answer.headers["X-Correlation-Id"]
    assert CARD not in answer.text
    return problem


def text(**changes: Any) -> bytes:
    """Return the valid purchase with these fields changed, as JSON."""
    return json.dumps({**GOOD, **changes}).encode()


def raw(field: str, value: str) -> bytes:
    """Return the valid purchase with this raw JSON as the value of the field."""
    return json.dumps({**GOOD, field: "@@"}).replace('"@@"', value).encode()


def merchant(**changes: Any) -> bytes:
    """Return the valid purchase with these fields of the merchant changed."""
    return text(merchant={**GOOD["merchant"], **changes})


NOT_JSON = {
    "empty": b"",
    "not json": b"transaction_id=1",
    "cut off": text()[:-1],
    "trailing": text() + b"x",
    "two values": text() + text(),
    "NaN": raw("amount", "NaN"),
    "Infinity": raw("amount", "-Infinity"),
    "single quotes": text().replace(b'"', b"'"),
    "trailing comma": text()[:-1] + b",}",
    "repeated key": text()[:-1] + b', "amount": 1}',
    "repeated key with a space": text()[:-1] + b', "amount" : 1}',
    "repeated key inside": text().replace(b'"id": "m-17"', b'"id": "m-17", "id": "m-18"'),
    "repeated escaped key": text()[:-1] + b', "\\u0061mount": 1}',
    "latin-1": text(merchant={**GOOD["merchant"], "name": "@"}).replace(b"@", b"\xe9"),
    "utf-16": text().decode().encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf" + text(),
    "raw control character": text(merchant={**GOOD["merchant"], "name": "@"}).replace(
        b"@", b"\x01"
    ),
    "deep nesting": b"[" * 20_000,
    "deep object": b'{"a":' * 10_000,
    "a number of 10,000 digits": raw("amount", "9" * 10_000),
}

INVALID = {
    "an array": b"[]",
    "a string": b'"purchase"',
    "null": b"null",
    "a number": b"7",
    "unknown field": text(fee=1),
    "unknown field inside": merchant(city="x"),
    "card number as a field's name": text(**{CARD: 1}),
    "a field's name of 10,000 characters": text(**{"x" * 10_000: 1}),
    "missing field": json.dumps({k: v for k, v in GOOD.items() if k != "amount"}).encode(),
    "missing merchant": json.dumps({k: v for k, v in GOOD.items() if k != "merchant"}).encode(),
    "null amount": text(amount=None),
    "amount as text": text(amount="10"),
    "amount with a fraction": raw("amount", "10.5"),
    "amount with a fraction that floats round": raw("amount", "10.00000000000000001"),
    "amount as true": raw("amount", "true"),
    "negative amount": text(amount=-1),
    "amount above the most": text(amount=1_000_000_000_000_000),
    "amount beyond 64 bits": text(amount=2**64),
    "amount of 300 digits": raw("amount", "9" * 300),
    "tiny amount": raw("amount", "1e-400"),
    "original currency of two letters": text(original_currency="EU"),
    "id as number": text(transaction_id=7),
    "id empty": text(transaction_id=""),
    "id too long": text(transaction_id="x" * 65),
    "id with a space": text(transaction_id="tx 1"),
    "id with a slash": text(transaction_id="tx/1"),
    "id with a newline": text(transaction_id="tx\n"),
    "id with letters of other scripts": text(transaction_id="tx-\u0661"),
    "id with NUL": text(account_id="acc\x00"),
    "card number as id": text(transaction_id=CARD),
    "card number as account": text(account_id="4111-1111-1111-1111"),
    "currency in lower case": text(currency="usd"),
    "unknown currency": text(currency="XXX"),
    "country of two letters": merchant(country="US"),
    "country in lower case": merchant(country="usa"),
    "category of three digits": merchant(category_code="594"),
    "category as number": merchant(category_code=5942),
    "name empty": merchant(name="  "),
    "name with a card number": merchant(name=f"Shop {CARD}"),
    "reference too long": text(reference="x" * 65),
    "reference with a card number": text(reference=f"order-{CARD}"),
    "metadata that is no object": text(metadata="T-4"),
    "metadata with a number": text(metadata={"terminal": 4}),
    "metadata with 21 keys": text(metadata={f"k{number}": "v" for number in range(21)}),
    "metadata with a long text": text(metadata={"k": "v" * 501}),
    "metadata with a card number": text(metadata={"k": CARD}),
    "card number inside an id": text(transaction_id=f"tx-{CARD}"),
    "account id of one dot": text(account_id="."),
    "name with a lone surrogate": merchant(name="\ud800"),
    "time without offset": text(occurred_at="2026-11-20T10:15:00"),
    "time as number": text(occurred_at=1_700_000_000),
    "time that is none": text(occurred_at="2026-02-30T10:15:00Z"),
    "leap second within a day": text(occurred_at="2026-12-31T10:15:60Z"),
    "year 0": text(occurred_at="0000-01-01T00:00:00Z"),
    "before the year 1 in UTC": text(occurred_at="0001-01-01T00:00:00+05:00"),
    "merchant as text": text(merchant="Corner Books"),
    "merchant as list": text(merchant=[GOOD["merchant"]]),
}


def send(api: RunningApi, body: bytes, path: str = PATH) -> httpx.Response:
    """Post bytes as JSON."""
    headers = {"Content-Type": "application/json"}
    return api.client.post(path, content=body, headers=headers)


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON.keys())
def test_a_body_that_is_not_one_json_value_is_400(api: RunningApi, body: bytes) -> None:
    check(send(api, body), 400, "not-json")


@pytest.mark.parametrize("body", INVALID.values(), ids=INVALID.keys())
def test_json_that_is_not_a_purchase_is_422(api: RunningApi, body: bytes) -> None:
    problem = check(send(api, body), 422, "validation")
    assert problem["errors"]
    assert all(error["pointer"][:1] in ("", "/") for error in problem["errors"])


def test_an_unknown_field_is_named_by_a_json_pointer(api: RunningApi) -> None:
    problem = check(send(api, text(**{"a/b~c": 1, "x" * 10_000: 1})), 422, "validation")
    pointers = [error["pointer"] for error in problem["errors"]]
    assert pointers == ["/a~1b~0c", "/" + "x" * 64 + "…"]


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        (b"", 400, "not-json"),
        (b"[]", 422, "validation"),
        (b'{"account_id": "x", "account_id": "y"}', 400, "not-json"),
        (b'{"account_id": "x", "currency": "USD"}', 422, "validation"),
        (b'{"account_id": "x", "currency": "USD", "credit_limit": -1}', 422, "validation"),
        (b'{"account_id": "x", "currency": "USD", "credit_limit": 1.5}', 422, "validation"),
        (b'{"account_id": "x", "currency": "USD", "credit_limit": 1, "y": 1}', 422, "validation"),
        (
            b'{"account_id": "%b", "currency": "USD", "credit_limit": 1}' % CARD.encode(),
            422,
            "validation",
        ),
        (b'{"account_id": "acc", "currency": "USD", "credit_limit": 7}', 409, "id-reused"),
    ],
)
def test_an_invalid_opening_is_refused(
    api: RunningApi, body: bytes, status: int, kind: str
) -> None:
    check(send(api, body, "/v1/accounts"), status, kind)


@pytest.mark.parametrize("path", [PATH, "/v1/accounts"])
def test_a_body_of_5_mb_is_413_however_it_is_sent(api: RunningApi, path: str) -> None:
    check(send(api, b" " * 5_000_000, path), 413, "body-too-large")
    headers = {"Content-Type": "application/json"}
    chunks = (b" " * 50_000 for _ in range(100))
    check(api.client.post(path, content=chunks, headers=headers), 413, "body-too-large")


@pytest.mark.parametrize("media_type", ["text/plain", "application/xml", "application/jsonx", "x"])
@pytest.mark.parametrize("path", [PATH, "/v1/accounts"])
def test_another_media_type_is_415(api: RunningApi, path: str, media_type: str) -> None:
    answer = api.client.post(path, content=text(), headers={"Content-Type": media_type})
    check(answer, 415, "unsupported-media-type")


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer nope", "Basic YTpi", "nope", "Bearer \xe9", "B" * 8000],
)
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_missing_or_invalid_key_is_401(api: RunningApi, method: str, authorization: str) -> None:
    headers = {
        b"Authorization": authorization.encode("latin-1"),
        b"Content-Type": b"application/json",
    }
    path = PATH if method == "POST" else "/v1/accounts/acc/balance"
    content = text() if method == "POST" else None
    answer = api.client.request(method, path, content=content, headers=headers)
    check(answer, 401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_each_call_needs_the_scope_that_its_description_names(
    api: RunningApi, subtests: pytest.Subtests
) -> None:
    only = {scope: create_key(api.env, scope) for scope in ALL_SCOPES}
    others = {
        scope: create_key(api.env, *(each for each in ALL_SCOPES if each != scope))
        for scope in ALL_SCOPES
    }
    checked = 0
    for path, operations in api.client.get("/openapi.json").json()["paths"].items():
        for method, operation in operations.items():
            if not path.startswith("/v1"):
                continue
            if not operation["security"][0]["api-key"]:  # any key will do
                assert "no scope" in operation["description"]
                continue
            (scope,) = operation["security"][0]["api-key"]
            # Nothing has these ids, and the body has no effect.
            url = path.replace("{ruleset_id}", "none@1").replace("{", "").replace("}", "")
            with subtests.test(method=method, path=path):
                problem = check(_called(api, method, url, others[scope]), 403, "forbidden")
                assert scope in problem["detail"]
                if path != "/v1/events/stream":  # the stream does not end
                    answer = _called(api, method, url, only[scope])
                    assert answer.status_code in {200, 400, 404, 422}
            checked += 1
    assert checked > 20


def _called(api: RunningApi, method: str, url: str, key: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    return api.client.request(method, url, content=b"{}", headers=headers)


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/", 404, "not-found"),
        ("GET", "/v2/accounts", 404, "not-found"),
        ("POST", PATH + "/", 404, "not-found"),
        ("GET", "/v1/accounts/", 404, "not-found"),
        ("GET", "/v1/events/", 404, "not-found"),
        ("GET", PATH, 405, "method-not-allowed"),
        ("DELETE", "/v1/accounts", 405, "method-not-allowed"),
        ("PUT", "/v1/accounts/acc/balance", 405, "method-not-allowed"),
        ("GET", "/v1/accounts/nobody/balance", 404, "account-not-found"),
        ("GET", f"/v1/accounts/{CARD}/balance", 404, "account-not-found"),
        ("GET", f"/v1/accounts/{'x' * 65}/balance", 422, "validation"),
        ("GET", f"/v1/accounts/{'x' * 5000}/balance", 422, "validation"),
        ("GET", "/v1/accounts/a%00b/balance", 422, "validation"),
        ("GET", "/v1/accounts/a%20b/balance", 422, "validation"),
        ("GET", "/v1/accounts/%ff/balance", 422, "validation"),
        ("GET", "/v1/accounts/acc/transactions?limit=0", 422, "validation"),
        ("GET", "/v1/accounts/acc/transactions?limit=501", 422, "validation"),
        ("GET", "/v1/accounts/acc/transactions?limit=ten", 422, "validation"),
        ("GET", "/v1/accounts/acc/transactions?cursor=nope", 422, "invalid-cursor"),
        ("GET", "/v1/accounts/acc/transactions?cursor=%00", 422, "invalid-cursor"),
        ("GET", "/v1/accounts/nobody/transactions", 404, "account-not-found"),
        ("GET", "/v1/accounts/acc/transactions/none", 404, "transaction-not-found"),
        ("GET", "/v1/accounts/nobody/events", 404, "account-not-found"),
        ("GET", "/v1/accounts/acc/events?cursor=-1", 422, "invalid-cursor"),
        ("GET", f"/v1/accounts/acc/events?cursor={2**70}", 422, "invalid-cursor"),
        ("GET", "/v1/events?cursor=", 422, "invalid-cursor"),
        ("GET", "/v1/events?cursor=nope", 422, "invalid-cursor"),
        ("GET", "/v1/events?after=nope", 422, "validation"),
        ("GET", "/v1/events?limit=1001", 422, "validation"),
        ("GET", "/v1/events/stream?cursor=%F0%9F%92%A5", 422, "invalid-cursor"),
        ("GET", "/v1/inbound-messages?status=lost", 422, "validation"),
        ("GET", "/v1/inbound-messages?topic=%00", 422, "validation"),
        ("GET", "/v1/inbound-messages?topic=nonsense", 422, "validation"),
        ("GET", "/v1/accounts/acc/balance?as_of_version=2", 422, "validation"),
        ("GET", "/v1/accounts/acc/transactions?status=held&limit=5", 422, "validation"),
        ("GET", "/v1/accounts/acc/transactions?limit=5&limit=6", 422, "validation"),
        ("POST", "/v1/accounts?dry_run=true", 422, "validation"),
        ("GET", "/v1/inbound-messages?cursor=0", 422, "invalid-cursor"),
        ("GET", "/v1/inbound-messages?business_id=%00", 422, "validation"),
        ("GET", f"/v1/inbound-messages?business_id={'x' * 65}", 422, "validation"),
        ("GET", "/v1/rulesets?cursor=nope", 422, "invalid-cursor"),
        ("GET", "/v1/rulesets/default@1/shadowings?cursor=nope", 422, "invalid-cursor"),
    ],
)
def test_wrong_paths_and_parameters(
    api: RunningApi, method: str, path: str, status: int, kind: str
) -> None:
    """The responses are 404, 405 with `Allow`, and 422."""
    answer = api.client.request(method, path)
    check(answer, status, kind)
    assert ("Allow" in answer.headers) == (status == 405)


def test_no_call_ignores_a_parameter(api: RunningApi, subtests: pytest.Subtests) -> None:
    document = api.client.get("/openapi.json").json()
    tried = 0
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if not operation["security"]:
                continue
            tried += 1
            parameters = operation.get("parameters", [])
            known = {each["name"]: "?" for each in parameters if each["in"] == "query"}
            where = re.sub(r"\{\w+\}", "x", path)
            with subtests.test(call=f"{method} {path}"):
                unknown = {"as_of_version": "2", CARD: "1"}
                answer = api.client.request(method, where, params={**known, **unknown}, json={})
                problem = check(answer, 422, "validation")
                if path != PATH:  # allows one parameter and names it
                    pointers = [error["pointer"] for error in problem["errors"]]
                    assert pointers == ["/as_of_version", "/(a number)"]
    assert tried > 20


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("traceparent", "rubbish"),
        ("traceparent", "00-" + "0" * 32 + "-" + "0" * 16 + "-01"),
        ("If-None-Match", '"rubbish'),
        ("If-None-Match", "W/\x80"),
        ("Accept", "application/xml"),
        ("Last-Event-ID", "rubbish"),
    ],
)
def test_odd_headers_do_no_harm(api: RunningApi, name: str, value: str) -> None:
    """Header values without a defined meaning are ignored."""
    headers = {name.encode(): value.encode("latin-1")}
    answer = api.client.get("/v1/accounts/acc/balance", headers=headers)
    assert answer.status_code == 200
    assert len(answer.headers["X-Correlation-Id"]) == 32

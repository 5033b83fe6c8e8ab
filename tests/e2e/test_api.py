"""The API as callers see it, with real processes and requests."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import psycopg
import pytest

from harness.api import RunningApi, balance, create_key, open_account, purchase, running_api
from harness.postgres import PostgresServer
from harness.processes import run_command
from harness.waiting import wait_until
from txplatform import api_keys


def test_a_purchase_is_decided_as_the_contract_shows(api: RunningApi, account_id: str) -> None:
    open_account(api.client, account_id, 500_000)
    answer = api.client.post(
        "/v1/process-transaction",
        json=purchase(
            "tx-1001",
            account_id,
            1250,
            original_amount=1150,
            original_currency="EUR",
            occurred_at="2026-11-20T10:15:00Z",
        ),
    )
    assert answer.status_code == 200
    body = answer.json()
    assert len(body.pop("authorization_code")) == 6
    assert body.pop("event_id")
    assert body.pop("decided_at").endswith("Z")
    assert body == {
        "transaction_id": "tx-1001",
        "account_id": account_id,
        "decision": "approved",
        "response_code": "00",
        "reasons": [],
        "amount": 1250,
        "currency": "USD",
        "balance": {"credit_limit": 500_000, "posted": 0, "pending": 1250, "available": 498_750},
        "ruleset": "default@1",
        "account_version": 2,
        "kind": "decision",
    }


@pytest.mark.parametrize(
    "merchant",
    [
        {"id": None, "name": "Office supplies", "category_code": None, "country": None},
        {"name": "Office supplies"},
        {"id": "4111111111111111", "name": "Café", "category_code": "0000", "country": "QZZ"},
    ],
    ids=["null", "absent", "on no list"],
)
def test_a_purchase_at_a_merchant_of_which_little_is_known_is_decided(
    api: RunningApi, account_id: str, merchant: dict[str, str | None]
) -> None:
    """The event keeps null for what is unknown, and every code that is well formed."""
    open_account(api.client, account_id, 500_000)
    body = purchase("t", account_id, 100, merchant=merchant)
    assert api.client.post("/v1/process-transaction", json=body).json()["decision"] == "approved"
    repeated = api.client.post("/v1/process-transaction", json=body)
    assert repeated.headers["Idempotency-Replayed"] == "true"
    events = api.client.get(f"/v1/accounts/{account_id}/events").json()["items"]
    unknown = dict.fromkeys(("id", "category_code", "country"))
    assert events[-1]["data"]["purchase"]["merchant"] == {**unknown, **merchant}


def test_a_decline_is_an_answer_with_every_reason(api: RunningApi, account_id: str) -> None:
    """The status is 200, with field 39 of the first reason and no authorization code."""
    open_account(api.client, account_id, 500_000)
    body = api.client.post(
        "/v1/process-transaction", json=purchase("t", account_id, 510_000)
    ).json()
    assert (body["decision"], body["response_code"], body["authorization_code"]) == (
        "declined",
        "51",
        None,
    )
    (reason,) = body["reasons"]
    assert reason.pop("message")
    assert reason == {
        "code": "insufficient_credit",
        "response_code": "51",
        "observed": 510_000,
        "limit": 500_000,
    }


def test_an_unopened_account_is_declined_and_has_no_balance(
    api: RunningApi, account_id: str
) -> None:
    body = api.client.post("/v1/process-transaction", json=purchase("t", account_id, 1)).json()
    assert (body["response_code"], body["balance"]) == ("14", None)
    answer = api.client.get(f"/v1/accounts/{account_id}/balance")
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/account-not-found")


def test_i4_the_same_request_gets_the_same_answer_from_another_process(
    service_env: dict[str, str],
) -> None:
    with running_api(service_env) as first:
        open_account(first.client, "acc-1", 1000)
        answers = {}
        for name, amount in (("ok", 900), ("no", 200)):
            asked = purchase(name, "acc-1", amount, occurred_at="2026-11-20T10:15:00Z")
            answers[name] = first.client.post("/v1/process-transaction", json=asked)
            assert "Idempotency-Replayed" not in answers[name].headers
    with running_api(service_env) as second:
        for name, amount in (("ok", 900), ("no", 200)):
            asked = purchase(
                name,
                "acc-1",
                amount,
                occurred_at="2026-11-20T11:15:00.000+01:00",
                original_amount=None,
            )
            again = second.client.post(
                "/v1/process-transaction",
                content=json.dumps(asked, indent=4),
                headers={"Content-Type": "application/json; charset=utf-8"},
            )
            assert again.headers["Idempotency-Replayed"] == "true"
            assert again.content == answers[name].content


def test_the_same_id_with_other_fields_is_a_conflict_that_changes_nothing(
    api: RunningApi,
    account_id: str,
) -> None:
    open_account(api.client, account_id, 1000)
    api.client.post("/v1/process-transaction", json=purchase("t", account_id, 10))
    other = purchase("t", account_id, 11)
    other["merchant"] = {**other["merchant"], "name": "Corner Bookshop"}
    answer = api.client.post("/v1/process-transaction", json=other)
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/id-reused")
    pointers = [error["pointer"] for error in answer.json()["errors"]]
    assert pointers == ["/amount", "/merchant/name"]
    answer = api.client.post(
        "/v1/accounts", json={"account_id": account_id, "currency": "EUR", "credit_limit": 1000}
    )
    assert answer.status_code == 409
    assert balance(api.client, account_id)["account_version"] == 2


@pytest.mark.parametrize(
    "change",
    [
        {"merchant": {"id": " m-17", "name": " Corner Books\n", "category_code": "5942 "}},
        {"occurred_at": "2026-11-20T12:15:00.000000+02:00"},
        {"occurred_at": "2026-11-20t10:15:00+00:00"},
        {"original_amount": None, "original_currency": None, "reference": None, "metadata": None},
        {"reference": "order-78", "metadata": {"terminal": "T-5"}},
        {"transaction_id": " t "},
    ],
    ids=["blanks", "offset", "other spelling of a time", "null", "describing fields", "id"],
)
def test_fields_are_compared_as_they_are_read(
    api: RunningApi, account_id: str, change: dict[str, object]
) -> None:
    """A reference and metadata only describe, so they are not compared."""
    open_account(api.client, account_id, 1000)
    first = purchase("t", account_id, 10, occurred_at="2026-11-20T10:15:00Z")
    decided = api.client.post("/v1/process-transaction", json=first)
    if "merchant" in change:
        change = {"merchant": {**first["merchant"], **change["merchant"]}}  # type: ignore[dict-item]
    repeated = api.client.post("/v1/process-transaction", json={**first, **change})
    assert repeated.headers["Idempotency-Replayed"] == "true"
    assert repeated.content == decided.content


def test_the_same_transaction_id_on_another_account_is_another_purchase(
    api: RunningApi, account_id: str
) -> None:
    for account in (account_id, f"{account_id}-2"):
        open_account(api.client, account, 1000)
        answer = api.client.post("/v1/process-transaction", json=purchase("t", account, 10))
        assert "Idempotency-Replayed" not in answer.headers
        assert balance(api.client, account)["pending"] == 10


def test_a_reference_and_metadata_are_kept_with_the_purchase(
    api: RunningApi, account_id: str
) -> None:
    open_account(api.client, account_id, 1000)
    described = {"reference": "order-77", "metadata": {"terminal": "T-4"}}
    body = purchase("t", account_id, 10, **described)
    assert api.client.post("/v1/process-transaction", json=body).status_code == 200
    events = api.client.get(f"/v1/accounts/{account_id}/events").json()["items"]
    assert {name: events[-1]["data"]["purchase"][name] for name in described} == described


def test_the_balance_has_its_version_as_etag(api: RunningApi, account_id: str) -> None:
    open_account(api.client, account_id, 1000)
    first = api.client.get(f"/v1/accounts/{account_id}/balance")
    seen = {"If-None-Match": first.headers["ETag"]}
    assert api.client.get(f"/v1/accounts/{account_id}/balance", headers=seen).status_code == 304
    api.client.post("/v1/process-transaction", json=purchase("t", account_id, 10))
    after = api.client.get(f"/v1/accounts/{account_id}/balance", headers=seen)
    assert (after.status_code, after.headers["ETag"]) == (200, 'W/"2"')


def test_events_come_by_pages_and_as_a_stream_that_resumes(own_api: RunningApi) -> None:
    """Both return every event once, in the account's order."""
    open_account(own_api.client, "acc-1", 1000)
    for number in range(5):
        own_api.client.post("/v1/process-transaction", json=purchase(f"t{number}", "acc-1", 1))
    paged: list[Any] = []
    params: dict[str, Any] = {"limit": 4}
    while page := own_api.client.get("/v1/events", params=params).json():
        if not page["items"]:
            break
        paged += page["items"]
        params["cursor"] = page["next_cursor"]
    assert [event["account_version"] for event in paged] == [1, 2, 3, 4, 5, 6]
    # A browser that reconnects sends both; the header is the newer position.
    headers, params = {"Last-Event-ID": paged[3]["cursor"]}, {"cursor": paged[0]["cursor"]}
    with own_api.client.stream(
        "GET", "/v1/events/stream", headers=headers, params=params
    ) as stream:
        lines = stream.iter_lines()
        ids = (line[4:] for line in lines if line.startswith("id: "))
        data = (json.loads(line[6:]) for line in lines if line.startswith("data: "))
        assert [(next(ids), next(data)) for _ in range(2)] == [
            (event["cursor"], event) for event in paged[4:]
        ]
        own_api.client.post("/v1/process-transaction", json=purchase("later", "acc-1", 1))
        assert next(data)["account_version"] == 7


def test_every_page_of_an_accounts_events_has_a_cursor_for_later_events(
    api: RunningApi, account_id: str
) -> None:
    open_account(api.client, account_id, 1000)
    for number in range(3):
        api.client.post("/v1/process-transaction", json=purchase(f"t{number}", account_id, 1))
    path = f"/v1/accounts/{account_id}/events"
    first = api.client.get(path, params={"limit": 3}).json()
    assert [event["account_version"] for event in first["items"]] == [1, 2, 3]
    second = api.client.get(path, params={"cursor": first["next_cursor"]}).json()
    assert [event["account_version"] for event in second["items"]] == [4]
    last = api.client.get(path, params={"cursor": second["next_cursor"]}).json()
    assert last == {"items": [], "next_cursor": second["next_cursor"]}
    api.client.post("/v1/process-transaction", json=purchase("later", account_id, 1))
    later = api.client.get(path, params={"cursor": last["next_cursor"]}).json()
    assert [event["account_version"] for event in later["items"]] == [5]


def test_an_open_stream_does_not_delay_the_shutdown(own_api: RunningApi) -> None:
    """SIGTERM ends the process cleanly within ten seconds."""
    with own_api.client.stream("GET", "/v1/events/stream") as stream:
        lines = stream.iter_lines()
        assert next(lines) == ": begin"
        assert own_api.command.stop() == 0


def test_a_key_needs_the_scope_and_is_refused_soon_after_it_is_revoked(own_api: RunningApi) -> None:
    """401 without a key, 403 without the scope, 401 within five seconds after revocation."""
    open_account(own_api.client, "acc-1", 1000)
    path = "/v1/accounts/acc-1/balance"
    assert httpx.get(own_api.url + path).status_code == 401
    reader = {"Authorization": f"Bearer {create_key(own_api.env, 'accounts:read')}"}
    assert httpx.get(own_api.url + path, headers=reader).status_code == 200
    asked = purchase("t", "acc-1", 1)
    answer = httpx.post(own_api.url + "/v1/process-transaction", json=asked, headers=reader)
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/forbidden")
    _, out, _ = run_command("keys", "list", "--json", env=own_api.env)
    (key_id,) = [key["id"] for key in json.loads(out) if key["scopes"] == ["accounts:read"]]
    assert run_command("keys", "revoke", key_id, env=own_api.env)[0] == 0
    wait_until(
        lambda: httpx.get(own_api.url + path, headers=reader).status_code == 401,
        timeout_s=5,
        message="the revoked key to be refused",
    )


def test_an_expired_key_is_refused(api: RunningApi) -> None:
    with psycopg.connect(api.env["TXPLATFORM_DATABASE_URL"]) as connection:
        _, key = api_keys.create_key(
            connection,
            name="old",
            scopes=[api_keys.Scope.ACCOUNTS_READ],
            expires_at=datetime(2020, 1, 1, tzinfo=UTC),
        )
    headers = {"Authorization": f"Bearer {key}"}
    assert httpx.get(api.url + "/v1/accounts/a/balance", headers=headers).status_code == 401


def test_i8_the_api_is_ready_again_when_its_database_is_back(
    own_postgres: PostgresServer,
) -> None:
    """Meanwhile requests get 503. Nothing is lost, and recovery needs no operator."""
    database = own_postgres.new_database()
    env = {"TXPLATFORM_DATABASE_URL": database.service_url, "TXPLATFORM_DECISION_TIMEOUT_S": "1"}
    with running_api(env) as api:
        open_account(api.client, "acc-1", 1000)
        asked = purchase("before", "acc-1", 1)
        before = api.client.post("/v1/process-transaction", json=asked)
        own_postgres.kill()
        refused = api.client.post("/v1/process-transaction", json=purchase("down", "acc-1", 2))
        assert refused.status_code == 503
        assert refused.json()["type"] in {
            "/problems/store-unavailable",
            "/problems/outcome-unknown",
        }
        assert refused.headers["Retry-After"]
        assert api.client.get("/readyz").status_code == 503
        assert api.client.get("/livez").status_code == 200
        own_postgres.start()
        wait_until(lambda: api.client.get("/readyz").status_code == 200, message="readiness")
        again = api.client.post("/v1/process-transaction", json=asked)
        assert again.content == before.content
        decided = api.client.post("/v1/process-transaction", json=purchase("down", "acc-1", 2))
        assert decided.status_code == 200
        assert balance(api.client, "acc-1")["pending"] == 3


def test_a_trace_is_kept_from_the_request_to_the_event(api: RunningApi, account_id: str) -> None:
    """The event has the caller's traceparent; the response has its trace id."""
    open_account(api.client, account_id, 1000)
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    answer = api.client.post(
        "/v1/process-transaction", json=purchase("t", account_id, 1), headers={"traceparent": trace}
    )
    assert answer.headers["X-Correlation-Id"] == "0af7651916cd43dd8448eb211c80319c"
    events = api.client.get(f"/v1/accounts/{account_id}/events").json()["items"]
    assert events[-1]["traceparent"] == trace


def test_the_cause_of_an_event_is_the_api_key_of_the_call(api: RunningApi, account_id: str) -> None:
    open_account(api.client, account_id, 1000)
    account = {"account_id": account_id}
    controls = {"controls_id": "c", "rules": [], "reason": "Asked for."}
    clearing = {"clearing_id": "clr", "amount": 1, "currency": "USD", "transaction_id": "t"}
    for answer in (
        api.client.post(
            "/v1/process-transaction",
            json=purchase("t", account_id, 1, occurred_at="2026-11-20T11:15:00+01:00"),
        ),
        api.client.put(f"/v1/accounts/{account_id}/controls", json=controls),
        api.client.post("/v1/clearings", json={"items": [{**account, **clearing}]}),
    ):
        assert answer.status_code == 200, answer.text
    events = api.client.get(f"/v1/accounts/{account_id}/events").json()["items"]
    with psycopg.connect(api.env["TXPLATFORM_DATABASE_URL"]) as connection:
        (key,) = api_keys.find_keys(connection, [api.key.encode()])
    assert isinstance(key, api_keys.ApiKey)
    assert [event["caused_by"] for event in events] == [
        {"kind": "api_key", "id": key.id, "name": "test"}
    ] * 4
    assert [event["business_time"] for event in events] == [
        None,
        "2026-11-20T10:15:00.000000Z",
        None,
        None,
    ]


def test_a_port_in_use_is_a_clear_error(api: RunningApi) -> None:
    code, _, err = run_command("api", env=api.env)
    assert code == 1
    assert "TXPLATFORM_API_PORT" in err

"""What every service of the bank has: keys, problems, probes, metrics, OpenAPI, migrations."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from harness.bank import Bank, new_account, new_bank
from harness.postgres import PostgresServer
from harness.processes import run_command
from harness.waiting import wait_until
from txbank.commands import SERVICES
from txbank.settings import CommonSettings, ServiceSettings


@pytest.fixture(params=[name for name, each in SERVICES.items() if each.scopes])
def service(request: pytest.FixtureRequest) -> str:
    """The name of each service that programs call."""
    return str(request.param)


def operations(bank: Bank, service: str) -> list[tuple[str, str]]:
    """Return method and path of each call of a service."""
    paths = httpx.get(f"{bank.url(service)}/openapi.json").json()["paths"]
    return [(method, path) for path, methods in paths.items() for method in methods]


def test_every_call_needs_a_key_with_a_scope(bank: Bank, service: str) -> None:
    assert operations(bank, service)
    for method, path in operations(bank, service):
        url = bank.url(service) + path
        for headers in ({}, {"Authorization": f"Bearer {bank.key[:-1]}x"}):
            response = httpx.request(method, url, headers=headers, json={})
            assert response.status_code == 401, (method, path)
            assert response.json()["type"] == "/problems/unauthenticated"
            assert response.headers["WWW-Authenticate"] == "Bearer"


def test_a_key_without_the_scope_is_refused_and_one_that_is_revoked_too(
    bank: Bank, accounts: httpx.Client
) -> None:
    words = ("keys", "create", "--name", "reader", "--scope", "accounts:read")
    code, out, err = run_command(*words, env=bank.env, program="txbank")
    assert code == 0, err
    created = json.loads(out)
    accounts.headers["Authorization"] = f"Bearer {created['key']}"
    assert accounts.get("/v1/accounts").status_code == 200
    response = accounts.post("/v1/accounts", json=new_account())
    assert (response.status_code, response.json()["type"]) == (403, "/problems/forbidden")
    code, out, _ = run_command("keys", "list", "accounts", env=bank.env, program="txbank")
    assert (code, created["id"] in out, created["key"] in out) == (0, True, False)
    revoke = ("keys", "revoke", "accounts", created["id"])
    assert run_command(*revoke, env=bank.env, program="txbank")[0] == 0
    assert accounts.get("/v1/accounts").status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "content", "expected"),
    [
        ("POST", "/v1/accounts", b"{", (400, "/problems/not-json")),
        ("POST", "/v1/accounts", b"\xff", (400, "/problems/not-json")),
        (
            "POST",
            "/v1/accounts",
            b'{"a": "' + b"x" * 65_536 + b'"}',
            (413, "/problems/body-too-large"),
        ),
        ("POST", "/v1/accounts", b"[]", (422, "/problems/validation")),
        ("POST", "/v1/accounts", b"", (400, "/problems/not-json")),
        ("GET", "/v1/accounts?limit=0", None, (422, "/problems/validation")),
        ("GET", "/v1/accounts/a%00b", None, (422, "/problems/validation")),
        ("GET", "/v1/none", None, (404, "/problems/not-found")),
        ("DELETE", "/v1/accounts", None, (405, "/problems/method-not-allowed")),
    ],
)
def test_a_bad_request_gets_a_problem(
    accounts: httpx.Client,
    method: str,
    path: str,
    content: bytes | None,
    expected: tuple[int, str],
) -> None:
    headers = {"Content-Type": "application/json"} if content else {}
    response = accounts.request(method, path, content=content, headers=headers)
    problem = response.json()
    assert (response.status_code, problem["type"]) == expected
    assert response.headers["Content-Type"] == "application/problem+json"
    assert problem["status"] == response.status_code
    assert problem["correlation_id"] == response.headers["X-Correlation-Id"]
    assert problem["detail"]
    assert problem["next_step"]


def test_the_openapi_document_describes_problems_of_every_call(bank: Bank, service: str) -> None:
    document = httpx.get(f"{bank.url(service)}/openapi.json").json()
    for path in document["paths"].values():
        for operation in path.values():
            assert operation["responses"]["422"]["content"].keys() == {"application/problem+json"}
            assert operation["security"]


def test_a_service_is_ready_while_the_brokers_are_away_but_not_without_its_database(
    own_postgres: PostgresServer,
) -> None:
    bank = new_bank(own_postgres)
    with bank.running("accounts"), bank.client("accounts") as accounts:
        wait_until(lambda: accounts.get("/readyz").status_code == 200, message="readiness")
        own_postgres.stop()
        wait_until(lambda: accounts.get("/readyz").status_code == 503, message="unreadiness")
        response = accounts.get("/v1/accounts")
        assert (response.status_code, response.json()["type"]) == (
            503,
            "/problems/store-unavailable",
        )
        assert response.headers["Retry-After"] == "1"
        assert accounts.get("/livez").status_code == 200
        own_postgres.start()
        wait_until(lambda: accounts.get("/readyz").status_code == 200, message="recovery")
        assert accounts.get("/v1/accounts").status_code == 200


def test_a_service_on_an_empty_database_says_what_to_do(postgres: PostgresServer) -> None:
    bank = new_bank(postgres)
    empty = postgres.empty_database().service_url
    bank = replace(bank, env={**bank.env, "TXBANK_ACCOUNTS_DATABASE_URL": empty})
    with bank.running("accounts"), bank.client("accounts") as accounts:
        response = accounts.get("/readyz")
        assert response.status_code == 503
        assert "txbank migrate" in response.json()["parts"]["database"]["detail"]


def test_migrate_may_be_repeated_and_lets_the_service_only_use_its_tables(
    postgres: PostgresServer,
) -> None:
    bank = new_bank(postgres)
    code, out, err = run_command("migrate", env=bank.env, program="txbank")
    assert code == 0, err
    assert out.splitlines()[0] == "accounts: accounts_0001, frame_0001"
    with (
        bank.connect("accounts") as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("DROP TABLE accounts")


@pytest.mark.parametrize(
    ("env", "told"),
    [
        ({"TXBANK_ACOUNTS_PORT": "1"}, "Unknown setting: TXBANK_ACOUNTS_PORT."),
        ({"TXBANK_ACCOUNTS_DATABASE_URL": ""}, "TXBANK_ACCOUNTS_DATABASE_URL"),
        ({"TXBANK_ACCOUNTS_PORT": "x"}, "TXBANK_ACCOUNTS_PORT"),
        ({"TXBANK_LOG_LEVEL": "loud"}, "TXBANK_LOG_LEVEL"),
    ],
)
def test_a_service_with_a_bad_setting_names_it_and_does_not_start(
    bank: Bank, env: dict[str, str], told: str
) -> None:
    given: dict[str, Any] = {**bank.env, **env}
    code, _, err = run_command("accounts", env=given, program="txbank")
    assert code == 1
    assert told in err
    assert "Traceback" not in err


def test_payments_without_a_key_of_the_platform_does_not_start(postgres: PostgresServer) -> None:
    bank = new_bank(postgres)
    env = {name: value for name, value in bank.env.items() if name != "TXBANK_PLATFORM_KEY"}
    code, _, err = run_command("payments", env=env, program="txbank")
    assert (code, "TXBANK_PLATFORM_KEY is not set" in err) == (1, True)


def test_every_setting_is_in_the_readme() -> None:
    readme = (Path(__file__).parents[2] / "bank" / "README.md").read_text()
    names = [
        *(f"TXBANK_{name}" for name in CommonSettings.model_fields),
        *(f"TXBANK_ACCOUNTS_{name}" for name in ServiceSettings.model_fields),
        *(
            f"{service.settings.model_config['env_prefix']}{name}"
            for service in SERVICES.values()
            for name in service.settings.model_fields.keys() - ServiceSettings.model_fields.keys()
        ),
    ]
    assert [name for name in names if f"| `{name.upper()}` |" not in readme] == []


def test_a_port_that_is_in_use_is_named(bank: Bank) -> None:
    code, _, err = run_command("accounts", env=bank.env, program="txbank")
    assert code == 1
    assert "TXBANK_ACCOUNTS_PORT" in err


def test_a_process_logs_refused_requests_and_why_it_stops_and_stops_in_order(
    postgres: PostgresServer,
) -> None:
    """The log has the template of the route, not the path."""
    bank = new_bank(postgres, log_format="json")
    with bank.running() as process, bank.client("accounts") as client:
        refused = client.get("/v1/accounts/secret").headers["X-Correlation-Id"]
        assert client.get("/readyz").status_code == 200
        assert process.stop() == 0
        log = process.stderr
    lines = [json.loads(each) for each in log.splitlines() if each[:1] == "{"]
    (line,) = (each for each in lines if each.get("correlation_id") == refused)
    assert (line["event"], line["level"]) == ("request refused", "warning")
    assert (line["route"], line["status"]) == ("/v1/accounts/{account_id}", 404)
    assert "secret" not in log
    (start,) = (each for each in lines if each["event"] == "starting")
    assert start["version"] == version("txbank")
    (stop,) = (each for each in lines if each["event"] == "stopping")
    assert stop["reason"] == "SIGTERM"


def test_metrics_count_requests_by_route(accounts: httpx.Client) -> None:
    accounts.get("/v1/accounts/none")
    metrics = accounts.get("/metrics").text
    wanted = 'method="GET",route="/v1/accounts/{account_id}",status="404"'
    assert any(wanted in line for line in metrics.splitlines())
    assert "txbank_outbox_oldest_seconds" in metrics

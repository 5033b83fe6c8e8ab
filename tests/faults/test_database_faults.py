"""A database loses sessions, writes or rights for a time; recovery needs no operator."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import httpx
import psycopg
import pytest

from harness import commands
from harness.api import RunningApi, open_account, purchase, running_api
from harness.histories import record
from harness.inbound import execute
from harness.postgres import TestDatabase
from harness.processes import Command
from harness.waiting import wait_until
from txplatform.database import Database
from txplatform.demo.processes import free_port


def _sessions(database: TestDatabase) -> int:
    ((count,),) = execute(
        database,
        "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND usename <> current_user",
        database.name,
    )
    return int(count)


def test_i8_reads_succeed_after_idle_sessions_were_ended(
    database: TestDatabase, service_env: dict[str, str]
) -> None:
    """A failover ends all sessions, and the next requests still succeed."""
    with running_api(service_env) as api, ThreadPoolExecutor(32) as clients:
        open_account(api.client, "acc", 1000)
        list(clients.map(lambda _: api.client.get("/v1/events"), range(200)))
        assert _sessions(database) > 4
        database.end_sessions()
        answers = [api.client.get("/v1/events").status_code for _ in range(10)]
        assert answers == [200] * 10


def _parts(port: int) -> dict[str, bool]:
    """Return whether each part of a worker is ready."""
    answer = httpx.get(f"http://127.0.0.1:{port}/readyz")
    return {name: part["ready"] for name, part in answer.json()["parts"].items()}


def _add_ruleset(api: RunningApi, name: str) -> httpx.Response:
    rules = [{"rule": "amount_limit", "max_amount": 30}]
    return api.client.post("/v1/rulesets", json={"name": name, "version": 1, "rules": rules})


def _activate(api: RunningApi, activation_id: str, name: str) -> httpx.Response:
    body = {"activation_id": activation_id, "reason": "Why not."}
    return api.client.post(f"/v1/rulesets/{name}@1/activations", json=body)


def test_i8_the_platform_recovers_from_a_read_only_database(
    database: TestDatabase, service_env: dict[str, str]
) -> None:
    """For example a standby, or a full disk; sessions opened meanwhile stay read-only."""
    port = free_port()
    setting = f"ALTER DATABASE {database.name} SET default_transaction_read_only"
    with (
        running_api(service_env, TXPLATFORM_DECISION_TIMEOUT_S="1") as api,
        Command("project", env={**service_env, "TXPLATFORM_HEALTH_PORT": str(port)}) as project,
    ):
        project.wait_ready()
        open_account(api.client, "acc", 1000)
        with Database(database.owner_url).connect() as owner:
            owner.execute(f"{setting} = on".encode())
            database.end_sessions()
            wait_until(lambda: api.client.get("/readyz").status_code == 503)
            assert "takes no writes" in api.client.get("/readyz").json()["detail"]
            asked = purchase("t", "acc", 10)
            assert api.client.post("/v1/process-transaction", json=asked).status_code == 503
            assert _add_ruleset(api, "refused").status_code == 503
            owner.execute("SET default_transaction_read_only = off")
            record(owner, [commands.purchase("acc", "meanwhile", 5)])
            wait_until(lambda: not _parts(port)["projector"], message="the projector to notice")
            started = httpx.get(f"http://127.0.0.1:{port}/startupz")
            assert started.status_code == 200  # no restart would help
            owner.execute(f"{setting} = off".encode())
        wait_until(lambda: api.client.get("/readyz").status_code == 200, message="readiness")
        assert api.client.post("/v1/process-transaction", json=asked).status_code == 200
        assert _add_ruleset(api, "taken").status_code == 201
        wait_until(lambda: all(_parts(port).values()), message="all parts to be ready again")
        listed = "/v1/accounts/acc/transactions"
        wait_until(lambda: len(api.client.get(listed).json()["items"]) == 2)


@pytest.mark.long
def test_i8_the_platform_recovers_from_revoked_rights(
    database: TestDatabase, service_env: dict[str, str]
) -> None:
    """Readiness reports the missing rights; no process ends."""
    port = free_port()
    with (
        running_api(service_env) as api,
        Command("project", env={**service_env, "TXPLATFORM_HEALTH_PORT": str(port)}) as project,
    ):
        project.wait_ready()
        open_account(api.client, "acc", 1000)
        wait_until(lambda: all(_parts(port).values()))
        execute(database, "REVOKE ALL ON events FROM txplatform_service")
        execute(database, "REVOKE ALL ON FUNCTION append_events FROM txplatform_service")
        wait_until(lambda: api.client.get("/readyz").status_code == 503)
        assert "txplatform migrate" in api.client.get("/readyz").json()["detail"]
        asked = purchase("t", "acc", 10)
        assert api.client.post("/v1/process-transaction", json=asked).status_code == 503
        wait_until(lambda: not _parts(port)["projector"], message="the projector to notice")
        execute(database, "GRANT SELECT ON events TO txplatform_service")
        execute(database, "GRANT EXECUTE ON FUNCTION append_events TO txplatform_service")
        wait_until(lambda: api.client.get("/readyz").status_code == 200, message="readiness")
        assert api.client.post("/v1/process-transaction", json=asked).status_code == 200
        wait_until(lambda: all(_parts(port).values()), message="all parts to be ready again")


@pytest.mark.long
def test_i8_an_activation_that_a_failover_has_lost_is_forgotten(
    database: TestDatabase, service_env: dict[str, str]
) -> None:
    """The next activation gets the lost version in the rule book and takes effect."""
    with running_api(service_env) as api:
        open_account(api.client, "acc", 1000)

        def decides() -> str:
            asked = purchase(f"t{next(numbers)}", "acc", 1)
            ruleset: str = api.client.post("/v1/process-transaction", json=asked).json()["ruleset"]
            return ruleset

        numbers = count()
        for name in ("lost", "next"):
            assert _add_ruleset(api, name).status_code == 201
        assert _activate(api, "a1", "lost").status_code == 200
        wait_until(lambda: decides() == "lost@1", message="the rule set to be in force")
        with psycopg.connect(database.owner_url, autocommit=True) as owner:
            owner.execute("SET session_replication_role = replica")
            owner.execute("DELETE FROM ruleset_events WHERE version = 3")
        database.end_sessions()
        assert decides() == "default@1"
        assert _activate(api, "a2", "next").status_code == 200
        wait_until(lambda: decides() == "next@1", message="the next rule set to be in force")


@pytest.mark.parametrize("clients", [1, pytest.param(0, marks=pytest.mark.long)])
def test_i8_no_api_process_is_ready_while_another_session_locks_the_log(
    database: TestDatabase, service_env: dict[str, str], clients: int
) -> None:
    """Readiness follows from decisions or, if there are none, from a probe of the same locks."""
    with (
        running_api(service_env, TXPLATFORM_DECISION_TIMEOUT_S="3") as api,
        psycopg.connect(database.owner_url) as other,
        ThreadPoolExecutor(1) as client,
    ):
        open_account(api.client, "acc", 1000)
        decided: list[int] = []
        stop = threading.Event()

        def decide() -> None:
            while clients and not stop.is_set():
                asked = purchase(f"t{len(decided)}", "acc", 1)
                answer = api.client.post("/v1/process-transaction", json=asked)
                decided.append(answer.status_code)

        def readiness() -> tuple[int, str]:
            answer = api.client.get("/readyz")
            return answer.status_code, answer.json()["detail"]

        running = client.submit(decide)
        try:
            other.execute("LOCK TABLE events IN SHARE MODE")
            wait_until(
                lambda: readiness()[0] == 503, timeout_s=10, message="the fault to be noticed"
            )
            wait_until(lambda: not clients or 503 in decided, message="a decision to fail")
            status, detail = readiness()
            assert status == 503
            assert ("No decision has succeeded" if clients else "another session holds") in detail
            other.rollback()
            wait_until(lambda: readiness() == (200, ""), timeout_s=10, message="readiness")
            before = len(decided)
            wait_until(lambda: not clients or len(decided) > before + 10, message="decisions")
        finally:
            stop.set()
        running.result()
        assert 503 not in decided[before:]

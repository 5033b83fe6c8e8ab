"""The API in operation: revoked keys, a frozen database, a killed supervisor, metrics."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from harness.api import create_key, open_account, purchase, running_api
from harness.postgres import PostgresServer, TestDatabase
from harness.processes import Command, run_command
from harness.waiting import wait_until
from txplatform.demo.processes import free_port


def test_a_stream_ends_when_its_key_is_revoked(service_env: dict[str, str]) -> None:
    """An open stream ends within five seconds after the revocation."""
    with running_api(service_env) as api:
        open_account(api.client, "acc", 1000)
        words = ("--name", "x", "--scope", "audit:read", "--json")
        created = json.loads(run_command("keys", "create", *words, env=api.env)[1])
        url = f"{api.url}/v1/events/stream"
        headers = {"Authorization": f"Bearer {created['key']}"}
        begun, ended = threading.Event(), threading.Event()

        def read() -> None:
            with httpx.stream("GET", url, headers=headers, timeout=60) as stream:
                for line in stream.iter_lines():
                    if line.startswith("data: "):
                        begun.set()
            ended.set()

        reader = threading.Thread(target=read)
        reader.start()
        assert begun.wait(60)
        run_command("keys", "revoke", created["id"], env=api.env)
        assert ended.wait(5)
        reader.join()
        assert not any("failed" in line for line in api.command.stderr.splitlines())


@contextmanager
def _frozen(server: PostgresServer) -> Iterator[None]:
    """Suspend the server's processes: it neither responds nor closes connections."""
    main = next(each for each in psutil.process_iter(["cmdline"]) if _is_main(each, server))
    processes = [main, *main.children(recursive=True)]
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            process.resume()


def _is_main(process: psutil.Process, server: PostgresServer) -> bool:
    return {"-D", "-p", str(server.port)} <= set(process.info["cmdline"] or ())


def test_i8_requests_fail_fast_while_the_database_is_frozen(own_postgres: PostgresServer) -> None:
    """Requests get 503 within seconds. When the database resumes, they succeed again."""
    database = own_postgres.new_database()
    with running_api({"TXPLATFORM_DATABASE_URL": database.service_url}) as api:
        open_account(api.client, "acc", 1000)
        unseen = {"Authorization": f"Bearer {create_key(api.env, 'audit:read')}"}

        def ask(path: str, headers: dict[str, str]) -> int:
            return httpx.get(api.url + path, headers=headers, timeout=8).status_code

        seen = {"Authorization": f"Bearer {api.key}"}
        assert ask("/v1/events", seen) == 200
        questions = [("/v1/events", seen), ("/v1/events", unseen)] * 5
        with _frozen(own_postgres), ThreadPoolExecutor(len(questions)) as clients:
            assert set(clients.map(lambda question: ask(*question), questions)) == {503}
            assert ask("/readyz", {}) == 503  # its answer of before the freeze was kept for 1 s
            assert (ask("/livez", {}), ask("/startupz", {})) == (200, 200)  # no restart would help
        wait_until(lambda: ask("/readyz", {}) == 200, message="readiness")
        assert ask("/v1/events", unseen) == 200


@pytest.mark.long
def test_the_api_stops_in_time_while_its_database_is_frozen(own_postgres: PostgresServer) -> None:
    database = own_postgres.new_database()
    with running_api({"TXPLATFORM_DATABASE_URL": database.service_url}) as api:
        open_account(api.client, "acc", 1000)
        assert api.client.get("/v1/events").status_code == 200
        with _frozen(own_postgres):
            assert api.client.get("/v1/events").status_code == 503
            assert api.command.stop() == 0


@pytest.mark.long
def test_a_decision_in_a_frozen_database_does_not_delay_the_stop(
    own_postgres: PostgresServer,
) -> None:
    """Its outcome is unknown; a retry gets the decision, which is made once."""
    database = own_postgres.new_database()
    env = {"TXPLATFORM_DATABASE_URL": database.service_url}
    asked = purchase("t", "acc", 10)
    copies: list[Future[httpx.Response]] = []
    with running_api(env) as api, ThreadPoolExecutor(32) as clients:
        open_account(api.client, "acc", 1000)

        def one_is_in_flight() -> bool:
            copies.append(clients.submit(api.client.post, "/v1/process-transaction", json=asked))
            return _series(f"{api.url}/metrics")["txplatform_queued_requests"][""] > 0

        with _frozen(own_postgres):
            wait_until(one_is_in_flight, message="a copy to wait for the request in flight")
            assert api.command.stop() == 1
        answers = [copy.result() for copy in copies if copy.exception() is None]
        assert {(each.status_code, each.json()["type"]) for each in answers} == {
            (503, "/problems/outcome-unknown")
        }
    with running_api(env) as api:
        assert api.client.post("/v1/process-transaction", json=asked).status_code == 200
        balance = api.client.get("/v1/accounts/acc/balance").json()
        assert (balance["pending"], balance["account_version"]) == (10, 2)


@pytest.mark.long
def test_no_process_outlives_its_supervisor(service_env: dict[str, str]) -> None:
    port = str(free_port())
    env = {**service_env, "TXPLATFORM_API_PORT": port, "TXPLATFORM_API_PROCESSES": "2"}
    with Command("api", env=env) as command:
        command.wait_ready()
        os.kill(command.pid, signal.SIGKILL)
        command.wait()
        wait_until(lambda: _can_serve(port, service_env), message="the port to be free")


def _can_serve(port: str, service_env: dict[str, str]) -> bool:
    with Command("api", env={**service_env, "TXPLATFORM_API_PORT": port}) as command:
        wait_until(
            lambda: command.exit_code is not None or "ready" in command.stderr, message="a start"
        )
        return command.exit_code is None


def test_without_its_schema_the_api_says_what_to_do(postgres: PostgresServer) -> None:
    """The status is 503, since an operator can fix it and a retry then succeeds."""
    database = postgres.empty_database()
    port = free_port()
    env = {"TXPLATFORM_DATABASE_URL": database.owner_url, "TXPLATFORM_API_PORT": str(port)}
    with Command("api", env=env) as command:
        command.wait_ready()
        headers = {"Authorization": f"Bearer txp_{'x' * 43}"}
        answer = httpx.get(f"http://127.0.0.1:{port}/v1/events", headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/store-unavailable")
        assert "txplatform migrate" in answer.json()["next_step"]
        probe = httpx.get(f"http://127.0.0.1:{port}/readyz")
        assert "txplatform migrate" in probe.json()["detail"]
    postgres.drop(database)


def _series(url: str) -> dict[str, dict[str, float]]:
    """Return the metrics at this address by name and label values."""
    found: dict[str, dict[str, float]] = {}
    for family in text_string_to_metric_families(httpx.get(url).text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[",".join(sample.labels.values())] = sample.value
    return found


def test_metrics_count_decisions_and_memory(database: TestDatabase) -> None:
    with running_api({"TXPLATFORM_DATABASE_URL": database.service_url}) as api:
        open_account(api.client, "acc", 1000)
        for number, amount in enumerate((1, 2, 2000)):
            api.client.post("/v1/process-transaction", json=purchase(f"t{number}", "acc", amount))
        series = _series(f"{api.url}/metrics")
        assert series["txplatform_decisions_total"] == {
            "approved,": 2,
            "declined,insufficient_credit": 1,
        }
        assert series["process_resident_memory_bytes"][""] > 10_000_000


@pytest.mark.long
def test_metrics_have_their_own_port_if_one_is_configured(service_env: dict[str, str]) -> None:
    port = free_port()
    with running_api(service_env, TXPLATFORM_METRICS_PORT=str(port)) as api:
        assert "txplatform_queued_requests" in _series(f"http://127.0.0.1:{port}/metrics")
        answer = api.client.get("/metrics")
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")


@pytest.mark.long
def test_processes_that_share_a_port_are_told_apart_in_their_metrics(
    service_env: dict[str, str],
) -> None:
    with running_api(service_env, TXPLATFORM_API_PROCESSES="2") as api:
        seen: set[str] = set()

        def both_seen() -> bool:
            seen.update(_series(f"{api.url}/metrics")["txplatform_queued_requests"])
            return seen == {"0", "1"}

        wait_until(both_seen, message="both processes to answer")

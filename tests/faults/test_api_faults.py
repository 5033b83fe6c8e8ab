"""The API under load and faults: responses and the log agree."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

import httpx
import psutil
import psycopg
import pytest

from harness.api import balance, open_account, purchase, running_api
from harness.postgres import TestDatabase
from harness.processes import Command
from harness.waiting import wait_until

CLIENTS = 64


def _decided(database: TestDatabase) -> dict[str, str]:
    """Return the event id of every decision in the log, by transaction id."""
    with psycopg.connect(database.owner_url) as connection:
        rows = connection.execute(
            "SELECT convert_from(state, 'UTF8')::json FROM events WHERE topic LIKE 'authorization%'"
        ).fetchall()
    return {state["purchase"]["transaction_id"]: state["event_id"] for (state,) in rows}


def test_i6_64_clients_on_one_account_near_its_limit_with_two_processes(
    database: TestDatabase, service_env: dict[str, str]
) -> None:
    with running_api(service_env, TXPLATFORM_API_PROCESSES="2") as api:
        open_account(api.client, "hot", 10_000)

        def client(number: int) -> list[dict[str, Any]]:
            # Each client has its own connection, so both processes get requests.
            with httpx.Client(base_url=api.url, headers=api.client.headers, timeout=30) as own:
                answers = []
                for step in range(12):
                    asked = purchase(f"t{number}-{step}", "hot", 7 + number)
                    answer = own.post("/v1/process-transaction", json=asked)
                    assert answer.status_code == 200, answer.text
                    answers.append(answer.json())
                return answers

        with ThreadPoolExecutor(CLIENTS) as clients:
            answers = [each for many in clients.map(client, range(CLIENTS)) for each in many]
        approved = [answer for answer in answers if answer["decision"] == "approved"]
        assert all(answer["balance"]["available"] >= 0 for answer in approved)
        assert balance(api.client, "hot")["pending"] == sum(each["amount"] for each in approved)
        assert {each["transaction_id"]: each["event_id"] for each in answers} == _decided(database)
        versions = sorted(answer["account_version"] for answer in answers)
        assert versions == [*range(2, len(answers) + 2)]


@pytest.mark.long
def test_i3_20_copies_at_once_to_two_processes_have_one_effect_and_one_response(
    service_env: dict[str, str],
) -> None:
    with running_api(service_env, TXPLATFORM_API_PROCESSES="2") as api:
        open_account(api.client, "acc", 1000)
        start = threading.Barrier(20)

        def client(_: int) -> httpx.Response:
            with httpx.Client(base_url=api.url, headers=api.client.headers, timeout=30) as own:
                start.wait()
                return own.post("/v1/process-transaction", json=purchase("t", "acc", 600))

        with ThreadPoolExecutor(20) as clients:
            answers = list(clients.map(client, range(20)))
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.content for answer in answers}) == 1
        replayed = Counter("Idempotency-Replayed" in answer.headers for answer in answers)
        assert replayed == {True: 19, False: 1}
        assert balance(api.client, "acc")["pending"] == 600


def test_i4_a_response_is_never_sent_before_its_commit(
    database: TestDatabase, service_env: dict[str, str]
) -> None:
    with running_api(service_env) as api, ThreadPoolExecutor(8) as clients:
        open_account(api.client, "acc", 10_000)
        with psycopg.connect(database.owner_url, autocommit=True) as owner:
            owner.execute("""
                CREATE FUNCTION hold_up_commit() RETURNS trigger LANGUAGE plpgsql AS
                'BEGIN PERFORM pg_advisory_xact_lock_shared(77); RETURN NULL; END';
                CREATE CONSTRAINT TRIGGER hold_up_commit AFTER INSERT ON events
                DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION hold_up_commit();
                SELECT pg_advisory_lock(77);
            """)
            asked = [purchase(f"t{number}", "acc", 10) for number in range(8)]
            answers = [
                clients.submit(api.client.post, "/v1/process-transaction", json=each)
                for each in asked
            ]
            waiting = (
                "SELECT count(*) FROM pg_locks"
                " WHERE locktype = 'advisory' AND objid = 77 AND NOT granted"
            )
            wait_until(lambda: owner.execute(waiting).fetchone() == (1,))
            # Other requests are served meanwhile, so the process is not blocked.
            assert api.client.get("/livez").status_code == 200
            assert not any(answer.done() for answer in answers)
            assert _decided(database) == {}
            owner.execute("SELECT pg_advisory_unlock(77)")
        for answer in as_completed(answers):
            decided = answer.result().json()
            assert _decided(database)[decided["transaction_id"]] == decided["event_id"]


def test_i4_every_decision_sent_before_a_kill_is_in_the_log(
    database: TestDatabase, service_env: dict[str, str]
) -> None:
    """The API is killed while 16 clients send; retries get the earlier responses again."""
    answered: dict[str, bytes] = {}
    with running_api(service_env) as api:
        for number in range(4):
            open_account(api.client, f"acc{number}", 10**9)
        enough = threading.Event()

        def client(number: int) -> None:
            step = 0
            with httpx.Client(base_url=api.url, headers=api.client.headers, timeout=30) as own:
                while True:
                    step += 1
                    asked = purchase(f"t{number}-{step}", f"acc{number % 4}", 5)
                    try:
                        answer = own.post("/v1/process-transaction", json=asked)
                    except httpx.TransportError:
                        return
                    assert answer.status_code == 200, answer.text
                    answered[asked["transaction_id"]] = answer.content
                    if len(answered) > 300:
                        enough.set()

        with ThreadPoolExecutor(16) as clients:
            running = [clients.submit(client, number) for number in range(16)]
            assert enough.wait(60)
            api.command.kill()
            for each in running:
                each.result()
    logged = _decided(database)
    assert answered.keys() <= logged.keys()
    assert len(logged) - len(answered) <= 16  # at most one per client without response
    with running_api(service_env) as api:
        for transaction_id, content in list(answered.items())[:50]:
            account = f"acc{int(transaction_id[1:].split('-')[0]) % 4}"
            asked = purchase(transaction_id, account, 5)
            assert api.client.post("/v1/process-transaction", json=asked).content == content
        total = sum(balance(api.client, f"acc{number}")["pending"] for number in range(4))
        assert total == 5 * len(logged)


def test_a_process_that_dies_is_started_again(service_env: dict[str, str]) -> None:
    """The supervisor keeps the configured number of processes."""
    with running_api(service_env, TXPLATFORM_API_PROCESSES="2") as api:
        open_account(api.client, "acc", 1000)
        children = _children(api.command)
        psutil.Process(children[0]).kill()
        wait_until(
            lambda: len(set(_children(api.command)) - set(children)) == 1, message="a new process"
        )
        wait_until(lambda: _answers(api.client), message="answers")
        assert api.command.stop() == 0


@pytest.mark.long
def test_i8_a_frozen_process_holds_up_no_other(
    database: TestDatabase, service_env: dict[str, str]
) -> None:
    """It gets SIGSTOP between appends, and another process continues to decide."""
    with running_api(service_env) as frozen, running_api(service_env) as other:
        open_account(frozen.client, "acc", 10**9)
        enough = threading.Event()

        def client(number: int) -> int:
            step = 0
            with httpx.Client(
                base_url=frozen.url, headers=frozen.client.headers, timeout=30
            ) as own:
                while not enough.is_set():
                    step += 1
                    asked = purchase(f"t{number}-{step}", "acc", 1)
                    assert own.post("/v1/process-transaction", json=asked).status_code == 200
            return step

        with ThreadPoolExecutor(8) as clients:
            running = [clients.submit(client, number) for number in range(8)]
            wait_until(lambda: len(_decided(database)) > 50, message="load")
            frozen.command.freeze()
            for number in range(20):
                asked = purchase(f"other{number}", "acc", 1)
                answer = other.client.post("/v1/process-transaction", json=asked)
                assert answer.status_code == 200
                assert answer.elapsed.total_seconds() < 5
            frozen.command.thaw()
            enough.set()
            sent = sum(each.result() for each in running)
        assert balance(other.client, "acc")["pending"] == sent + 20


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/v1/accounts/acc/balance").status_code == 200
    except httpx.TransportError:
        return False


def _children(command: Command) -> list[int]:
    return [child.pid for child in psutil.Process(command.pid).children() if _is_api(child)]


def _is_api(process: psutil.Process) -> bool:
    return process.status() != psutil.STATUS_ZOMBIE and any(
        "spawn_main" in word for word in process.cmdline()
    )

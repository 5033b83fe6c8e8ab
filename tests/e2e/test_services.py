"""Runs the commands of docker-compose.yml as processes, with PostgreSQL and Kafka."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError

import httpx
import pytest
import yaml
from confluent_kafka import Producer

from harness.api import balance, open_account, purchase, running_api
from harness.inbound import payment
from harness.kafka import Broker
from harness.metrics import documented_metrics, exported_metrics
from harness.postgres import PostgresServer, TestDatabase
from harness.processes import Command, run_command
from harness.published import decided, deduped, read_topic
from harness.waiting import wait_until
from txplatform.demo.processes import free_port
from txplatform.process_metrics import VERSION

WORKERS = ("consumer", "publisher", "projector")
SUBMITTED = "payments.payment-submitted.v1"
NOT_MEASURED = {
    "txplatform_inbound_failed_looks_total",
    "txplatform_publisher_restarts_total",
    "txplatform_shadow_decisions_total",
    "txplatform_parked_messages_amount_minor",  # nothing is parked, and nothing waits
    "txplatform_waiting_advices_amount_minor",
}
"""The metrics that have no value yet in processes without a fault."""


@dataclass(frozen=True)
class Health:
    """A worker's response to `/readyz`."""

    ready: bool
    parts: dict[str, Any]


def health_of(port: int) -> Health:
    """Read `/readyz`; a worker that does not respond counts as not ready."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as response:
            return Health(True, json.load(response)["parts"])
    except HTTPError as error:
        return Health(False, json.load(error)["parts"])
    except URLError:
        return Health(False, {})


def command_of(service: str) -> list[str]:
    """Return the command of this service in docker-compose.yml."""
    compose = yaml.safe_load((Path(__file__).parents[2] / "docker-compose.yml").read_text())
    command: list[str] = compose["services"][service]["command"]
    return command


def pay(bootstrap: str, payment_id: str, account_id: str, amount: int) -> None:
    producer = Producer({"bootstrap.servers": bootstrap})
    producer.produce(SUBMITTED, json.dumps(payment(payment_id, account_id, amount)), account_id)
    assert producer.flush(30) == 0


def unmeasured(urls: Iterable[str]) -> set[str]:
    """Return the documented metrics of which no process has a value; check the labels of others."""
    documented = documented_metrics()
    missing = set(documented)
    for url in urls:
        exported = exported_metrics(url)
        assert set(exported) <= set(documented)
        for name, labels in exported.items():
            if labels is not None:
                assert labels == documented[name], name
                missing.discard(name)
    return missing


def test_the_services_process_a_purchase_and_a_payment_and_stop_in_order(
    postgres: PostgresServer, topics: str
) -> None:
    database = postgres.empty_database()
    env = {
        "TXPLATFORM_DATABASE_URL": database.service_url,
        "TXPLATFORM_KAFKA_BOOTSTRAP_SERVERS": topics,
    }
    owner = {**env, "TXPLATFORM_MIGRATION_DATABASE_URL": database.owner_url}
    code, _, err = run_command(*command_of("migrate"), env=owner)
    assert code == 0, err
    with ExitStack() as stack:
        ports = {name: free_port() for name in WORKERS}
        workers = [
            stack.enter_context(
                Command(*command_of(name), env={**env, "TXPLATFORM_HEALTH_PORT": str(port)})
            )
            for name, port in ports.items()
        ]
        api = stack.enter_context(running_api(env))
        for name, port in ports.items():
            wait_until(lambda port=port: health_of(port).ready, message=f"{name} to be ready")  # type: ignore[misc]
        open_account(api.client, "acc", 1000)
        api.client.post("/v1/process-transaction", json=purchase("t", "acc", 600))
        pay(topics, "p", "acc", 500)
        wait_until(lambda: balance(api.client, "acc")["posted"] == -500, message="the payment")
        wait_until(
            lambda: api.client.get("/v1/accounts/acc/transactions").json()["items"],
            message="the transaction in the list",
        )
        (message,) = wait_until(lambda: read_topic(topics), message="the decision on its topic")
        assert message.json["transaction_id"] == "t"
        inbound = api.client.get("/v1/inbound-messages?account_id=acc").json()["items"]
        assert [each["status"] for each in inbound] == ["applied"]
        httpx.get(f"{api.url}/v1/currencies")  # without a key
        urls = (api.url, *(f"http://127.0.0.1:{port}" for port in ports.values()))
        wait_until(lambda: unmeasured(urls) == NOT_MEASURED, message="all other metrics")
        code, out, err = run_command("doctor", "--json", env=owner)
        assert code == 0, out + err
        assert [worker.stop() for worker in (*workers, api.command)] == [0, 0, 0, 0]
        for process in (*workers, api.command):
            assert f"version={VERSION}" in process.stderr
            assert "settings=['TXPLATFORM_" in process.stderr
            assert "TXPLATFORM_DATABASE_URL" in process.stderr
            assert database.service_url not in process.stderr
            assert re.search(r"stopping .*reason=SIGTERM", process.stderr)


@pytest.mark.long
def test_i8_decisions_continue_without_kafka_and_every_lag_returns_to_zero_afterwards(
    database: TestDatabase, service_env: dict[str, str], own_kafka: Broker
) -> None:
    port = free_port()
    env = {
        **service_env,
        "TXPLATFORM_KAFKA_BOOTSTRAP_SERVERS": own_kafka.bootstrap,
        "TXPLATFORM_HEALTH_PORT": str(port),
    }
    with Command("worker", env=env) as worker, running_api(env) as api:
        worker.wait_ready()
        wait_until(lambda: health_of(port).ready, message="readiness")
        open_account(api.client, "acc", 10**6)
        pay(own_kafka.bootstrap, "before", "acc", 10)
        wait_until(lambda: balance(api.client, "acc")["posted"] == -10, message="the payment")
        own_kafka.stop()
        for number in range(50):
            request = purchase(f"t{number}", "acc", 1)
            response = api.client.post("/v1/process-transaction", json=request)
            assert response.status_code == 200
            assert response.elapsed.total_seconds() < 2
        wait_until(lambda: not health_of(port).ready, message="not ready")
        own_kafka.start()
        pay(own_kafka.bootstrap, "after", "acc", 20)
        wait_until(lambda: health_of(port).ready, message="readiness again")
        wait_until(lambda: balance(api.client, "acc")["posted"] == -30, message="the payment")
        in_log = decided(database)
        assert len(in_log["acc"]) == 50
        wait_until(
            lambda: deduped(read_topic(own_kafka.bootstrap)) == in_log, message="the decisions"
        )
        assert worker.stop() == 0

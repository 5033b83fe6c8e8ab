"""Two APIs and two workers on one database and one broker, with a network that can fail."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import httpx

from harness.inbound import execute
from harness.kafka import Broker, empty_topics
from harness.postgres import PostgresServer, TestDatabase
from harness.processes import Command
from harness.relay import Relay
from harness.waiting import wait_until_empty
from reliability.conditions import Conditions
from txplatform.contracts.messages import INBOUND
from txplatform.demo.processes import free_port
from txplatform.publisher import TOPICS as OUTBOUND

TOPICS = (*INBOUND, *(f"{topic}.dlq" for topic in INBOUND), *OUTBOUND)
STARTS_WITHIN_S = 60


@dataclass
class Service:
    """A process of the platform with its probes.

    Attributes:
        command: The process; a fault may kill, stop or freeze it.
        url: Where it responds to probes, and an API to all requests.
    """

    command: Command
    url: str

    def unready(self) -> str:
        """Return the reason why the process is not ready; empty if it is ready."""
        try:
            answer = httpx.get(f"{self.url}/readyz", timeout=5)
        except httpx.HTTPError as error:
            return type(error).__name__
        return "" if answer.status_code == 200 else answer.text

    def wait_ready(self) -> None:
        """Wait until the process is ready."""
        wait_until_empty(self.unready, message=f"{self.url} to be ready")


@dataclass
class Infrastructure:
    """A database server and a broker, each behind a relay, used for one trial after another."""

    postgres: PostgresServer
    postgres_relay: Relay
    kafka: Broker
    kafka_relay: Relay


@dataclass
class Installation:
    """An installation under trial.

    Attributes:
        database: URLs that bypass the relay, for checks.
        env: The environment variables of its processes; their URLs lead through the relays.
        key: An API key with all scopes.
        conditions: The special conditions of its fault.
    """

    infrastructure: Infrastructure
    database: TestDatabase
    env: dict[str, str]
    key: str
    conditions: Conditions
    apis: list[Service] = field(default_factory=list)
    workers: list[Service] = field(default_factory=list)

    @property
    def services(self) -> list[Service]:
        """All processes."""
        return [*self.apis, *self.workers]

    def unready(self) -> dict[str, str]:
        """Return the reasons of all processes that are not ready, by URL."""
        reasons = {service.url: service.unready() for service in self.services}
        return {url: reason for url, reason in reasons.items() if reason}

    def execute(self, query: str, *values: object) -> list[tuple[object, ...]]:
        """Run a statement as the database's owner, not through the relay."""
        return execute(self.database, query, *values)


@contextmanager
def infrastructure() -> Iterator[Infrastructure]:
    """Run a database server and a broker, each behind a relay."""
    with ExitStack() as running:
        postgres = running.enter_context(PostgresServer())
        kafka_port = free_port()
        kafka = running.enter_context(Broker(kafka_port))
        kafka_relay = running.enter_context(Relay(kafka_port, kafka.port))
        postgres_relay = running.enter_context(Relay(free_port(), postgres.port))
        yield Infrastructure(postgres, postgres_relay, kafka, kafka_relay)


@contextmanager
def installed(infrastructure: Infrastructure, conditions: Conditions) -> Iterator[Installation]:
    """Run an installation on an empty database and empty topics.

    Args:
        infrastructure: The database server and the broker.
        conditions: The special conditions of the fault that is tried.
    """
    postgres = infrastructure.postgres
    empty_topics(infrastructure.kafka.bootstrap, TOPICS)
    database = conditions.database(postgres)
    url = database.service_url.replace(
        f":{postgres.port}/", f":{infrastructure.postgres_relay.port}/"
    )
    env = {
        "TXPLATFORM_DATABASE_URL": url,
        "TXPLATFORM_KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{infrastructure.kafka_relay.port}",
        "PATH": os.environ["PATH"],
        **conditions.env(),
    }
    conditions.migrate(env, database)
    found = Installation(infrastructure, database, env, conditions.create_key(env), conditions)
    with ExitStack() as running:
        for word, own, setting, services in (
            ("api", conditions.api_env(), "TXPLATFORM_API_PORT", found.apis),
            ("worker", {}, "TXPLATFORM_HEALTH_PORT", found.workers),
        ):
            for _ in range(2):
                port = str(free_port())
                command = running.enter_context(Command(word, env={**env, **own, setting: port}))
                services.append(Service(command, f"http://127.0.0.1:{port}"))
        wait_until_empty(
            found.unready, timeout_s=STARTS_WITHIN_S, message="all processes to be ready"
        )
        yield found
    postgres.drop(database)

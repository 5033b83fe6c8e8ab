"""The real parts that tests are given: a database each, a broker for all, topics anew."""

from __future__ import annotations

import fcntl
import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from hypothesis import settings

from harness.api import RunningApi, open_account, purchase, running_api
from harness.kafka import (
    MISSING,
    Broker,
    LentBroker,
    can_start_broker,
    empty_topics,
    recreate_topics,
)
from harness.postgres import PostgresServer, TestDatabase
from txplatform.contracts.messages import INBOUND
from txplatform.database import Database
from txplatform.publisher import TOPICS as OUTBOUND

TOPICS_IN = tuple(INBOUND)
TOPICS_OUT = tuple(OUTBOUND)
TOPICS = (*TOPICS_IN, *(f"{topic}.dlq" for topic in TOPICS_IN), *TOPICS_OUT)


# Whoever starts the suite in the background has SIGINT ignored in it, and so in all that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A deadline for an example, and the health check that grows with it, measure the machine.
settings.register_profile("txplatform", deadline=None)
settings.load_profile("txplatform")


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """The session's PostgreSQL; tests that stop or kill it use `own_postgres`."""
    with PostgresServer() as server:
        yield server


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL for one test, which may break it."""
    with PostgresServer() as server:
        yield server


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[TestDatabase]:
    """An empty, migrated database."""
    database = postgres.new_database()
    yield database
    postgres.drop(database)


@pytest.fixture(scope="session")
def kafka() -> Iterator[Broker | LentBroker]:
    """The session's broker; tests that break it use `own_kafka`."""
    if lent := os.environ.get("TXPLATFORM_TEST_KAFKA"):
        yield LentBroker(lent)
        return
    _require_broker()
    with Broker() as broker:
        yield broker


@pytest.fixture
def own_kafka() -> Iterator[Broker]:
    """A broker for one test, which may break it; its topics are there."""
    _require_broker()
    with Broker() as broker:
        recreate_topics(broker.bootstrap, TOPICS)
        yield broker


@pytest.fixture
def topics(kafka: Broker | LentBroker) -> Iterator[str]:
    """The bootstrap servers of a broker on which all of our topics are empty."""
    with ExitStack() as stack:
        if isinstance(kafka, LentBroker):
            # The test processes share it, and the topics' names are fixed: one test at a time.
            lock = stack.enter_context(Path(tempfile.gettempdir(), "txplatform-kafka").open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX)
        empty_topics(kafka.bootstrap, TOPICS)
        yield kafka.bootstrap


@pytest.fixture
def service(database: TestDatabase) -> Iterator[psycopg.Connection]:
    """Give a connection of the service's role."""
    with Database(database.service_url).connect() as connection:
        yield connection


@pytest.fixture(scope="session")
def api(postgres: PostgresServer) -> Iterator[RunningApi]:
    """Give an API for all tests; each works on accounts of its own, and changes no rules."""
    database = postgres.new_database()
    with running_api({"TXPLATFORM_DATABASE_URL": database.service_url}) as running:
        yield running
    postgres.drop(database)


@pytest.fixture
def own_api(service_env: dict[str, str]) -> Iterator[RunningApi]:
    """Give an API of this test's own, on an empty database."""
    with running_api(service_env) as running:
        yield running


@pytest.fixture
def account_id() -> str:
    """Give the id of an account that no other test uses."""
    return f"acc-{uuid4()}"


@pytest.fixture
def held(api: RunningApi, account_id: str) -> str:
    """Give an account of the shared API on which `tx` holds 1,000 of 10,000."""
    open_account(api.client, account_id, 10_000)
    answer = api.client.post("/v1/process-transaction", json=purchase("tx", account_id, 1000))
    assert answer.json()["decision"] == "approved"
    return account_id


@pytest.fixture
def service_env(database: TestDatabase) -> dict[str, str]:
    """The settings of a process that works on this test's database."""
    return {
        "TXPLATFORM_DATABASE_URL": database.service_url,
        "TXPLATFORM_MIGRATION_DATABASE_URL": database.owner_url,
    }


def _require_broker() -> None:
    if not can_start_broker():
        if os.environ.get("TXPLATFORM_REQUIRE_ALL"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)

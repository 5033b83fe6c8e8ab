"""Fixtures: a database for each test, a shared Kafka broker, and empty topics."""

from __future__ import annotations

import fcntl
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg
import pytest
from hypothesis import settings

from harness.api import RunningApi, open_account, purchase, running_api
from harness.bank import Bank, new_account, new_bank
from harness.everything import Everything, new_everything
from harness.kafka import (
    MISSING,
    Broker,
    LentBroker,
    can_start_broker,
    empty_topics,
    recreate_topics,
)
from harness.postgres import PostgresServer, TestDatabase
from harness.web import WebUser, add_web_user, logged_in
from txbank.web.users import OwnAccount, Role
from txplatform.contracts.messages import INBOUND
from txplatform.database import Database
from txplatform.publisher import TOPICS as OUTBOUND

TOPICS_IN = tuple(INBOUND)
TOPICS_OUT = tuple(OUTBOUND)
TOPICS = (*TOPICS_IN, *(f"{topic}.dlq" for topic in TOPICS_IN), *TOPICS_OUT)


# A suite started in the background inherits an ignored SIGINT, as do the processes it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Deadlines would measure the machine, as would the health check that scales with the deadline.
settings.register_profile("txplatform", deadline=None)
settings.load_profile("txplatform")

_FIGURES = "figures"


@pytest.fixture
def print_figures(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Print a line at the end of the test run; what a worker of xdist prints is lost."""
    return lambda line: record_property(_FIGURES, line)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures that tests have measured."""
    for status in ("passed", "failed"):
        for report in terminalreporter.getreports(status):
            for name, line in getattr(report, "user_properties", ()):
                if name == _FIGURES:
                    terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """The PostgreSQL server of the session. Tests that stop or kill a server use `own_postgres`."""
    with PostgresServer() as server:
        yield server


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server that one test may stop or kill."""
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
    """The broker of the session. Tests that break a broker use `own_kafka`."""
    if lent := os.environ.get("TXPLATFORM_TEST_KAFKA"):
        yield LentBroker(lent)
        return
    _require_broker()
    with Broker() as broker:
        yield broker


@pytest.fixture
def own_kafka() -> Iterator[Broker]:
    """A broker that one test may break, with empty topics."""
    _require_broker()
    with Broker() as broker:
        recreate_topics(broker.bootstrap, TOPICS)
        yield broker


@pytest.fixture
def topics(kafka: Broker | LentBroker) -> Iterator[str]:
    """The bootstrap servers of the session's broker, with all topics of the platform emptied."""
    with ExitStack() as stack:
        if isinstance(kafka, LentBroker):
            # Test processes share a lent broker and its topics, so only one test may use them.
            lock = stack.enter_context(Path(tempfile.gettempdir(), "txplatform-kafka").open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX)
        empty_topics(kafka.bootstrap, TOPICS)
        yield kafka.bootstrap


@pytest.fixture
def service(database: TestDatabase) -> Iterator[psycopg.Connection]:
    """A connection with the service's role."""
    with Database(database.service_url).connect() as connection:
        yield connection


@pytest.fixture(scope="session")
def api(postgres: PostgresServer) -> Iterator[RunningApi]:
    """An API shared by all tests. Each test uses its own accounts and changes no rules."""
    database = postgres.new_database()
    with running_api({"TXPLATFORM_DATABASE_URL": database.service_url}) as running:
        yield running
    postgres.drop(database)


@pytest.fixture
def own_api(service_env: dict[str, str]) -> Iterator[RunningApi]:
    """An API for one test, on an empty database."""
    with running_api(service_env) as running:
        yield running


@pytest.fixture(scope="session")
def bank(postgres: PostgresServer) -> Iterator[Bank]:
    """The bank's services, without brokers and platform. Each test uses its own accounts."""
    bank = new_bank(postgres)
    with bank.running():
        yield bank


@pytest.fixture
def everything(postgres: PostgresServer, database: TestDatabase, topics: str) -> Everything:
    """A bank and a platform, not started yet."""
    return new_everything(postgres, database, topics)


@pytest.fixture
def accounts(bank: Bank) -> Iterator[httpx.Client]:
    """A client of the shared accounts service."""
    with bank.client("accounts") as client:
        yield client


@pytest.fixture
def payments(bank: Bank) -> Iterator[httpx.Client]:
    """A client of the shared payments service."""
    with bank.client("payments") as client:
        yield client


@pytest.fixture
def own_account(accounts: httpx.Client) -> OwnAccount:
    """An account of a new holder at the accounts service."""
    found = accounts.post("/v1/accounts", json=new_account()).json()
    return OwnAccount(found["account_id"], "EUR", "gold")


@pytest.fixture
def holder(bank: Bank, own_account: OwnAccount) -> Iterator[WebUser]:
    """The cardholder of the account."""
    with logged_in(bank, add_web_user(bank, Role.CARDHOLDER, own_account)) as user:
        yield user


@pytest.fixture
def staff(bank: Bank) -> Iterator[WebUser]:
    """A member of staff."""
    with logged_in(bank, add_web_user(bank, Role.STAFF)) as user:
        yield user


@pytest.fixture
def notifications(bank: Bank) -> Iterator[httpx.Client]:
    """A client of the shared notifications service."""
    with bank.client("notifications") as client:
        yield client


@pytest.fixture
def account_id() -> str:
    """The id of an account that no other test uses."""
    return f"acc-{uuid4()}"


@pytest.fixture
def held(api: RunningApi, account_id: str) -> str:
    """An account of the shared API with a limit of 10,000 and a hold of 1,000 for `tx`."""
    open_account(api.client, account_id, 10_000)
    answer = api.client.post("/v1/process-transaction", json=purchase("tx", account_id, 1000))
    assert answer.json()["decision"] == "approved"
    return account_id


@pytest.fixture
def service_env(database: TestDatabase) -> dict[str, str]:
    """Environment variables for a process that uses this test's database."""
    return {
        "TXPLATFORM_DATABASE_URL": database.service_url,
        "TXPLATFORM_MIGRATION_DATABASE_URL": database.owner_url,
    }


def _require_broker() -> None:
    if not can_start_broker():
        if os.environ.get("TXPLATFORM_REQUIRE_ALL"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)

"""The outbox publishes each message that was committed, in order for each account."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from uuid import uuid4

import pytest
from prometheus_client import CollectorRegistry

from harness.bank import new_account, new_bank
from harness.inbound import execute
from harness.kafka import Broker
from harness.parts import running
from harness.postgres import PostgresServer
from harness.published import Published, read_topic
from harness.waiting import wait_until
from txbank import outbox
from txbank.accounts import account
from txbank.accounts.account import NewAccount, NewCreditLimit
from txbank.database import Connection, Database
from txbank.outbox import Publisher
from txbank.settings import CommonSettings
from txplatform_client.kafka import AccountOpened

LIMIT_CHANGED = "accounts.credit-limit-changed.v1"
ACCOUNTS = [f"acc-{number}" for number in range(5)]


@contextmanager
def publishing(database: Database, brokers: str) -> Iterator[Publisher]:
    """Run a publisher in a thread."""
    settings = CommonSettings(_env_file=None, kafka_bootstrap_servers=brokers)
    with running(Publisher("accounts", database, settings, CollectorRegistry())) as publisher:
        yield publisher


def versions(records: Iterable[Published]) -> dict[str, list[int]]:
    """Return the versions of the limits of each account, in the order of publication."""
    found: dict[str, list[int]] = {}
    for record in records:
        body = record.json
        assert record.key == body["account_id"].encode()
        found.setdefault(body["account_id"], []).append(body["limit_version"])
    return found


def all_accounts(versions: Iterable[int]) -> dict[str, list[int]]:
    """Return the same versions for each account."""
    return {account_id: list(versions) for account_id in ACCOUNTS}


def open_accounts(database: Database) -> None:
    """Open all accounts."""
    for account_id in ACCOUNTS:
        with database.transaction() as connection:
            account.open_account(connection, NewAccount(**new_account(account_id)))


def change_limits(database: Database, times: int) -> None:
    """Change the limit of each account so many times, from several threads at once."""

    def change(number: int) -> None:
        wanted = NewCreditLimit(credit_limit=number, reason="Asked for.")
        with database.transaction() as connection:
            account.change_credit_limit(connection, ACCOUNTS[number % len(ACCOUNTS)], wanted)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(change, range(times * len(ACCOUNTS))))


def test_messages_are_published_once_in_the_order_of_their_commits(
    postgres: PostgresServer, topics: str
) -> None:
    bank = new_bank(postgres, topics)
    with closing(bank.database("accounts")) as database, publishing(database, topics):
        database.open()
        open_accounts(database)
        change_limits(database, 40)
        bank.wait_until_published("accounts")
    assert versions(read_topic(topics, LIMIT_CHANGED)) == all_accounts(range(1, 41))


def test_a_message_waits_for_the_commit_of_an_earlier_one_of_its_account(
    postgres: PostgresServer,
) -> None:
    bank = new_bank(postgres)
    blocked = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    with ThreadPoolExecutor(1) as pool, bank.connect("accounts") as first:

        def add(connection: Connection, account_id: str, limit: int) -> None:
            outbox.add(
                connection,
                AccountOpened(account_id=account_id, currency="EUR", credit_limit=limit),
            )

        def add_second() -> None:
            with bank.connect("accounts") as second:
                add(second, "other", 0)  # waits for nobody
                second.commit()
                add(second, "acc", 2)

        add(first, "acc", 1)
        adding = pool.submit(add_second)
        database = bank.databases["accounts"]
        wait_until(lambda: execute(database, blocked), message="the second to wait")
        assert [topic for topic, _ in bank.outbox("accounts")] == [AccountOpened.TOPIC]
        first.commit()
        adding.result()
    assert [body["credit_limit"] for _, body in bank.outbox("accounts", "acc")] == [1, 2]


def test_of_two_publishers_one_publishes_until_it_ends(
    postgres: PostgresServer, topics: str
) -> None:
    bank = new_bank(postgres, topics)
    with closing(bank.database("accounts")) as database:
        database.open()
        with publishing(database, topics) as first:
            wait_until(lambda: first.health.detail == "publishing")
            with publishing(database, topics) as second:
                wait_until(lambda: second.health.detail == "another process publishes")
                open_accounts(database)
                change_limits(database, 10)
                bank.wait_until_published("accounts")
        with publishing(database, topics):
            change_limits(database, 10)
            bank.wait_until_published("accounts")
    assert versions(read_topic(topics, LIMIT_CHANGED)) == all_accounts(range(1, 21))


def test_a_message_is_a_cloud_event_in_the_caller_s_trace(
    postgres: PostgresServer, topics: str
) -> None:
    bank = new_bank(postgres, topics)
    traceparent = f"00-{uuid4().hex}-{uuid4().hex[:16]}-01"
    with bank.running("accounts"), bank.client("accounts") as accounts:
        headers = {"traceparent": traceparent}
        response = accounts.post("/v1/accounts", json=new_account("acc"), headers=headers)
        assert response.headers["X-Correlation-Id"] == traceparent.split("-")[1]
        bank.wait_until_published("accounts")
    (record,) = read_topic(topics, "accounts.account-opened.v1")
    assert record.header("ce_type") == "accounts.account-opened.v1"
    assert record.header("ce_source") == "/accounts"
    assert record.header("ce_subject") == "acc"
    assert record.header("traceparent") == traceparent
    assert b"Ada" not in (record.body or b"")


@pytest.mark.parametrize("kills", [2, pytest.param(5, marks=pytest.mark.long)])
def test_a_service_killed_between_commit_and_publication_loses_and_reorders_nothing(
    postgres: PostgresServer, own_kafka: Broker, kills: int
) -> None:
    """The brokers are down when the changes are committed, so none can have been published."""
    bank = new_bank(postgres, own_kafka.bootstrap)
    changes = 0
    for kill in range(kills):
        with bank.running("accounts") as process, bank.client("accounts") as accounts:
            if not kill:
                for account_id in ACCOUNTS:
                    accounts.post("/v1/accounts", json=new_account(account_id))
            bank.wait_until_published("accounts")
            own_kafka.stop()
            for _ in range(4):
                changes += 1
                change = {"credit_limit": changes, "reason": "Asked for."}
                for account_id in ACCOUNTS:
                    path = f"/v1/accounts/{account_id}/credit-limit"
                    assert accounts.put(path, json=change).status_code == 200
            process.kill()
        assert len(bank.outbox("accounts")) == 4 * len(ACCOUNTS)
        own_kafka.start()
    with bank.running("accounts"):
        bank.wait_until_published("accounts")
    assert versions(read_topic(own_kafka.bootstrap, LIMIT_CHANGED)) == all_accounts(
        range(1, changes + 1)
    )


@pytest.mark.long
def test_kills_at_any_moment_lose_nothing_and_repeat_only_what_was_published(
    postgres: PostgresServer, own_kafka: Broker
) -> None:
    bank = new_bank(postgres, own_kafka.bootstrap)
    moments = random.Random(1)
    with closing(bank.database("accounts")) as database:
        database.open()
        open_accounts(database)
        for _ in range(6):
            with bank.running("accounts") as process, ThreadPoolExecutor(1) as pool:
                changing = pool.submit(change_limits, database, 60)
                before, share = len(bank.outbox("accounts")), moments.random()
                wait_until(lambda: changing.done() or len(bank.outbox("accounts")) > before * share)  # noqa: B023
                process.kill()
                changing.result()
        with bank.running("accounts"):
            bank.wait_until_published("accounts")
    records = read_topic(own_kafka.bootstrap, LIMIT_CHANGED)
    firsts = {record.header("ce_id"): record for record in reversed(records)}
    in_order = [record for record in records if firsts[record.header("ce_id")] is record]
    assert versions(in_order) == all_accounts(range(1, 361))

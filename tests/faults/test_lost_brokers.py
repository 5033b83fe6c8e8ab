"""Three brokers, of which one is lost: messages are applied as before (I3, I8)."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from conftest import TOPICS
from harness.inbound import (
    OPENED,
    SUBMITTED,
    Sender,
    execute,
    inbox,
    opened,
    payment,
    posted,
    settings_for,
    wait_for_messages,
)
from harness.kafka import MISSING, Cluster, can_start_broker, recreate_topics
from harness.postgres import TestDatabase
from harness.processes import Command, run_command
from harness.published import TRANSACTION_DECISIONED, decide, publishing, wait_for_publisher
from harness.waiting import wait_until
from txplatform.contracts.inbound_messages import MessageStatus
from txplatform.contracts.messages import INBOUND
from txplatform.demo.processes import free_port

ACCOUNTS = [f"acc-{number}" for number in range(20)]
FAIL_OVER_S = 40
"""Ample for a busy machine. Without a fail-over, a broker that is away is waited for longer."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Three brokers, each with a copy of each topic."""
    if not can_start_broker():
        pytest.skip(MISSING)
    with Cluster(3).running() as cluster:
        yield cluster


@contextmanager
def paying(bootstrap: str) -> Iterator[list[str]]:
    """Send ten payments a second, of 1 each; yield the list of those sent."""
    sender, stop = Sender(bootstrap), threading.Event()
    sent: list[str] = []

    def pay() -> None:
        while not stop.wait(0.1):
            account_id = ACCOUNTS[len(sent) % len(ACCOUNTS)]
            sender.send(SUBMITTED, payment(f"p-{len(sent)}", account_id, 1))
            sent.append(account_id)

    thread = threading.Thread(target=pay)
    thread.start()
    try:
        yield sent
    finally:
        stop.set()
        thread.join()
        sender.flush()


def readiness(port: int) -> tuple[int, str]:
    """Return the status of `/readyz` and what the consumer says."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return answer.status, json.load(answer)["parts"]["consumer"]["detail"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)["parts"]["consumer"]["detail"]


def applied(database: TestDatabase) -> set[int]:
    """Return the partitions of which a payment was applied in the last seconds."""
    rows = execute(
        database,
        "SELECT DISTINCT partition FROM inbound_messages"
        " WHERE topic = %s AND received_at > clock_timestamp() - interval '2 s'",
        SUBMITTED,
    )
    return {partition for (partition,) in rows}


@pytest.mark.long
def test_i8_any_of_three_brokers_may_be_lost_while_payments_arrive(
    cluster: Cluster, database: TestDatabase
) -> None:
    """Each is killed in turn: payments of all partitions go on, and the consumer is ready."""
    port = free_port()
    env = {
        "TXPLATFORM_DATABASE_URL": database.service_url,
        "TXPLATFORM_KAFKA_BOOTSTRAP_SERVERS": cluster.bootstrap,
        "TXPLATFORM_KAFKA_GROUP_ID": database.name,
        "TXPLATFORM_HEALTH_PORT": str(port),
    }
    one = {"min.insync.replicas": "1"}
    recreate_topics(cluster.bootstrap, INBOUND, copies=3, config=one)
    sender = Sender(cluster.bootstrap)
    for account_id in ACCOUNTS:
        sender.send(OPENED, opened(account_id))
    sender.flush()
    with Command("consume", env=env) as consumer:
        consumer.wait_ready()
        with paying(cluster.bootstrap) as sent:

            def sent_more(count: int) -> bool:
                return len(sent) >= count

            wait_until(lambda: len(applied(database)) == 4, message="payments to be applied")
            for broker in cluster.brokers:
                broker.kill()
                wait_until(partial(sent_more, len(sent) + 50), message="five seconds of payments")
                wait_until(
                    lambda: len(applied(database)) == 4,
                    timeout_s=FAIL_OVER_S,
                    message=f"payments of all partitions; {readiness(port)}",
                )
                wait_until(
                    lambda: readiness(port)[0] == 200,
                    timeout_s=FAIL_OVER_S,
                    message="the consumer to be ready without the broker",
                )
                # It stays so: looks that fail do not stop reading.
                wait_until(partial(sent_more, len(sent) + 100), message="ten seconds of payments")
                assert len(applied(database)) == 4, readiness(port)
                broker.start()
        wait_for_messages(database, len(ACCOUNTS) + len(sent))
        assert consumer.stop() == 0
    assert inbox(database, status=MessageStatus.PARKED) == []
    assert execute(database, "SELECT count(*) FROM inbound_messages") == [
        (len(ACCOUNTS) + len(sent),)
    ]
    for account_id in ACCOUNTS:
        assert posted(database, account_id) == -sent.count(account_id)


@pytest.mark.long
def test_i8_too_few_replicas_in_sync_are_told_and_everything_is_published_once_they_are_back(
    cluster: Cluster, database: TestDatabase, service_env: dict[str, str]
) -> None:
    """The brokers tell it to the producer only, which goes on trying in silence."""
    env = {**service_env, "TXPLATFORM_KAFKA_BOOTSTRAP_SERVERS": cluster.bootstrap}
    config = {"min.insync.replicas": "3"}
    recreate_topics(cluster.bootstrap, TOPICS, copies=3, config=config)
    with publishing(settings_for(database, cluster.bootstrap)) as publisher:
        decide(database, 5, 5, "before")
        wait_for_publisher(database)
        cluster.brokers[0].kill()
        decide(database, 5, 5, "without")
        wait_until(
            lambda: "too few replicas may be in sync" in publisher.health().detail,
            message="the cause to be told",
        )
        assert f"{TRANSACTION_DECISIONED}[" in publisher.health().detail
        assert "has 2 of 3" in publisher.health().detail
        assert not publisher.health().ready
        code, out, _ = run_command("doctor", "--json", env=env)
        assert code == 1
        (finding,) = [
            each for each in json.loads(out)["findings"] if each["check"] == "in-sync replicas"
        ]
        assert f"{TRANSACTION_DECISIONED} (2 of 3)" in finding["detail"]
        cluster.brokers[0].start()
        wait_for_publisher(database)
        wait_until(lambda: publisher.health().ready, message="the publisher to be ready again")

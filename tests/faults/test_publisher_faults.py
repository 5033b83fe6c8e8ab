"""A publisher that stops, stands by or is refused loses and reorders no record (I5, I8)."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial

import psycopg
import pytest

from harness.inbound import settings_for
from harness.kafka import Broker, recreate_topics, set_topic
from harness.postgres import TestDatabase
from harness.processes import Command
from harness.published import (
    TRANSACTION_DECISIONED,
    checkpoint,
    decide,
    decided,
    deduped,
    publishing,
    read_topic,
    wait_for_publisher,
)
from harness.waiting import wait_until
from txplatform.demo.processes import free_port

ACCOUNTS = 100
PURCHASES = 200

Environment = dict[str, str]


def publisher_env(service_env: Mapping[str, str], bootstrap: str) -> Environment:
    """Return the environment of a `txplatform publish` with probes."""
    return {
        **service_env,
        "TXPLATFORM_KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        "TXPLATFORM_HEALTH_PORT": str(free_port()),
    }


def probe(env: Mapping[str, str]) -> tuple[int, str]:
    """Return the status of `/readyz`, and the publisher's detail."""
    url = f"http://127.0.0.1:{env['TXPLATFORM_HEALTH_PORT']}/readyz"
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, json.load(answer)["parts"]["publisher"]["detail"]
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)["parts"]["publisher"]["detail"]


def check_published_is_the_log(database: TestDatabase, bootstrap: str) -> None:
    """Check that the records without duplicates are the log's events, in order per account."""
    assert deduped(read_topic(bootstrap)) == decided(database)


def has_passed(database: TestDatabase, position: int) -> bool:
    """Return whether the checkpoint is past this position."""
    return checkpoint(database) > position


@pytest.mark.long
def test_a_stopped_publisher_has_published_nothing_twice(
    database: TestDatabase, topics: str, service_env: dict[str, str]
) -> None:
    """SIGTERM lets the batch in flight arrive and moves the checkpoint."""
    env = publisher_env(service_env, topics)
    reached = 0
    for stop in range(3):
        decide(database, ACCOUNTS, PURCHASES, f"stop-{stop}")  # more than is published by then
        with Command("publish", env=env) as publisher:
            publisher.wait_ready()
            wait_until(partial(has_passed, database, reached))
            assert publisher.stop() == 0
            reached = checkpoint(database)
    with Command("publish", env=env) as publisher:
        wait_for_publisher(database)
        assert publisher.stop() == 0
    check_published_is_the_log(database, topics)
    assert len(read_topic(topics)) == 3 * ACCOUNTS * PURCHASES


@pytest.mark.long
def test_a_publisher_that_starts_before_kafka_waits_for_it(
    database: TestDatabase, own_kafka: Broker, service_env: dict[str, str]
) -> None:
    """Its health says that it waits, and SIGTERM stops it in time."""
    env = publisher_env(service_env, own_kafka.bootstrap)
    own_kafka.stop()
    decide(database, 5, 5)
    with Command("publish", env=env) as publisher:
        publisher.wait_ready()
        wait_until(lambda: "cannot be used" in probe(env)[1], timeout_s=20)
        assert probe(env)[0] == 503
        assert publisher.stop() == 0
        publisher.start()
        own_kafka.start()
        wait_for_publisher(database)
    check_published_is_the_log(database, own_kafka.bootstrap)


@pytest.mark.long
def test_i8_a_publisher_waits_for_a_frozen_broker(
    database: TestDatabase, own_kafka: Broker, service_env: dict[str, str]
) -> None:
    """The freeze exceeds the delivery timeout, so producers are discarded meanwhile."""
    env = publisher_env(service_env, own_kafka.bootstrap)
    with Command("publish", env=env) as publisher:
        publisher.wait_ready()
        decide(database, ACCOUNTS, 20, "before")
        wait_until(lambda: checkpoint(database) > 0)
        own_kafka.freeze()
        decide(database, ACCOUNTS, PURCHASES, "frozen")
        wait_until(lambda: "not acknowledged in time" in publisher.stderr)
        assert probe(env)[0] == 503
        own_kafka.thaw()
        wait_for_publisher(database, timeout_s=90)
    check_published_is_the_log(database, own_kafka.bootstrap)


@pytest.mark.long
def test_i8_a_frozen_publisher_loses_the_lead_to_the_one_on_standby(
    database: TestDatabase, topics: str, service_env: dict[str, str]
) -> None:
    """When it continues, it resends at most the batch that was in flight."""
    env, other = publisher_env(service_env, topics), publisher_env(service_env, topics)
    with ExitStack() as running:
        frozen = running.enter_context(Command("publish", env=env)).wait_ready()
        wait_until(lambda: "decisions: active" in probe(env)[1])
        running.enter_context(Command("publish", env=other)).wait_ready()
        wait_until(lambda: "standing by" in probe(other)[1])
        decide(database, ACCOUNTS, 50)
        wait_until(lambda: checkpoint(database) > 0)
        frozen.freeze()
        decide(database, ACCOUNTS, 20, "meanwhile")
        wait_for_publisher(database, timeout_s=40)
        frozen.thaw()
        decide(database, ACCOUNTS, 20, "after")
        wait_for_publisher(database)
        wait_until(lambda: probe(env)[0] == 200 and probe(other)[0] == 200)
    check_published_is_the_log(database, topics)


def test_i8_records_that_the_broker_refuses_are_reported_and_sent_again(
    database: TestDatabase, topics: str
) -> None:
    """The topic accepts no messages of their size; no record is skipped."""
    recreate_topics(topics, [TRANSACTION_DECISIONED], config={"max.message.bytes": "100"})
    decide(database, 10, 5)
    with publishing(settings_for(database, topics)) as publisher:
        wait_until(lambda: "Message size too large" in publisher.health().detail)
        assert "was refused" in publisher.health().detail
        assert not publisher.health().ready
        assert checkpoint(database) == 0
        set_topic(topics, TRANSACTION_DECISIONED, "max.message.bytes", "1000000")
        wait_for_publisher(database)
        wait_until(lambda: publisher.health().ready)
    check_published_is_the_log(database, topics)


def test_i8_nothing_is_sent_while_the_checkpoint_cannot_be_moved(
    database: TestDatabase, topics: str
) -> None:
    """With a read-only database, retries cause no copies. The publisher recovers by itself."""
    decide(database, 10, 5)
    with publishing(settings_for(database, topics)):
        wait_for_publisher(database)
    decide(database, 10, 5, "later")
    setting = f"ALTER DATABASE {database.name} SET default_transaction_read_only"
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        owner.execute(f"{setting} = on".encode())
        with publishing(settings_for(database, topics)) as publisher:
            wait_until(lambda: "decisions: cannot execute" in publisher.health().detail)
            owner.execute(f"{setting} = off".encode())
            wait_for_publisher(database)
            wait_until(lambda: publisher.health().ready)
    assert len(read_topic(topics)) == 2 * 10 * 5
    check_published_is_the_log(database, topics)

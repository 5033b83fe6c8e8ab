"""Consumers that are frozen, stand by, lack brokers, or read topics that were replaced (I8)."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import ExitStack

import psycopg
import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from harness.inbound import (
    OPENED,
    RETURNED,
    SUBMITTED,
    Sender,
    consuming,
    execute,
    inbox,
    opened,
    payment,
    posted,
    returned,
    settings_for,
    wait_for_messages,
)
from harness.kafka import Broker as KafkaBroker
from harness.kafka import delete_topics, recreate_topics
from harness.postgres import TestDatabase
from harness.processes import Command
from harness.waiting import wait_until
from txplatform.consumers.broker import Broker
from txplatform.consumers.group import Identity
from txplatform.contracts.inbound_messages import MessageStatus
from txplatform.contracts.messages import INBOUND
from txplatform.demo.processes import free_port
from txplatform.kafka import BrokersError
from txplatform.settings import Settings

ACCOUNTS = [f"acc-{n}" for n in range(20)]
PAYMENTS = 200
"""Payments of each account; every tenth is returned."""

MESSAGES = len(ACCOUNTS) * (1 + PAYMENTS + PAYMENTS // 10)


def send_load(bootstrap: str) -> None:
    """Send the messages of all accounts; returns and some openings come out of order."""
    sender = Sender(bootstrap)
    for number in range(PAYMENTS):
        for account_id in ACCOUNTS:
            if number == PAYMENTS // 2:
                sender.send(OPENED, opened(account_id))
            if number % 10 == 0:
                sender.send(RETURNED, returned(f"{account_id}-p-{number}", account_id, number + 1))
            sender.send(SUBMITTED, payment(f"{account_id}-p-{number}", account_id, number + 1))
    sender.flush()


def check_all_applied_once(database: TestDatabase) -> None:
    """Check that each message has one row, and each account the expected balance."""
    assert execute(database, "SELECT count(*) FROM inbound_messages") == [(MESSAGES,)]
    expected = -sum(n + 1 for n in range(PAYMENTS) if n % 10)
    assert {posted(database, account_id) for account_id in ACCOUNTS} == {expected}
    assert inbox(database, status=MessageStatus.PARKED) == []


def consumer_env(database: TestDatabase, bootstrap: str, group: str, **more: str) -> dict[str, str]:
    """Return the environment of a `txplatform consume`."""
    return {
        "TXPLATFORM_DATABASE_URL": database.service_url,
        "TXPLATFORM_KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        "TXPLATFORM_KAFKA_GROUP_ID": group,
        "TXPLATFORM_CONSUMER_BATCH_MESSAGES": "20",
        **more,
    }


def readiness(port: int) -> tuple[int, Mapping[str, object]]:
    """Return the status of `/readyz`; 0 if nothing listens yet."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)
    except OSError:
        return 0, {}


def test_a_consumer_without_partitions_stands_by_and_takes_over(
    database: TestDatabase, topics: str
) -> None:
    """Each topic has four partitions, so the fifth member is ready and idle."""
    settings = settings_for(database, topics)
    with ExitStack() as others:
        members = [others.enter_context(consuming(settings)) for _ in range(4)]
        wait_until(
            lambda: all(
                member.health().figures.get("partitions") == len(INBOUND) for member in members
            ),
            message="four members to share the partitions",
        )
        with consuming(settings) as fifth:
            members.append(fifth)
            wait_until(
                lambda: (
                    all(member.health().ready for member in members)
                    and any("standing by" in member.health().detail for member in members)
                ),
                message="one of five members to stand by",
            )
            others.close()
            wait_until(
                lambda: (
                    fifth.health().ready
                    and fifth.health().figures["partitions"] == 4 * len(INBOUND)
                ),
                message="the last member to read everything",
            )


@pytest.mark.long
def test_a_consumer_frozen_with_the_logs_lock_delays_others_only_briefly(
    database: TestDatabase, topics: str
) -> None:
    """The database ends its transaction; another consumer and the API continue."""
    env = consumer_env(
        database,
        topics,
        f"frozen-{database.name}",
        TXPLATFORM_DATABASE_IDLE_IN_TRANSACTION_TIMEOUT_S="1",
        TXPLATFORM_CONSUMER_BATCH_MESSAGES="5",
    )
    send_load(topics)
    holds_lock = (
        "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
        " WHERE l.locktype = 'advisory' AND l.objid = 1954049127 AND l.granted"
        " AND a.datname = %s AND a.state = 'idle in transaction'"
    )
    with Command("consume", env=env) as frozen:
        wait_for_messages(database, MESSAGES // 10)

        def frozen_with_the_lock() -> bool:
            frozen.freeze()
            if execute(database, holds_lock, database.name) == [(1,)]:
                return True
            frozen.thaw()
            return False

        wait_until(frozen_with_the_lock, message="a freeze at a bad moment")
        with psycopg.connect(database.owner_url) as connection:
            connection.execute("SET lock_timeout = '4s'")
            connection.execute("SELECT pg_advisory_xact_lock(1954049127)")
        with Command("consume", env=env) as other:
            wait_for_messages(database, MESSAGES // 2)
            frozen.thaw()
            wait_for_messages(database, MESSAGES)
            assert other.stop() == 0
        assert frozen.stop() == 0
    check_all_applied_once(database)


@pytest.mark.long
def test_the_consumer_waits_for_a_broker_that_is_away(
    own_kafka: KafkaBroker, database: TestDatabase
) -> None:
    """It is not ready meanwhile, and a stop does not wait for the broker."""
    port = free_port()
    env = consumer_env(database, own_kafka.bootstrap, "waiting", TXPLATFORM_HEALTH_PORT=str(port))
    with Command("consume", env=env) as command:
        wait_until(lambda: readiness(port)[0] == 200, message="the consumer to be ready")
        own_kafka.stop()
        wait_until(lambda: readiness(port)[0] == 503, message="the consumer to notice")
        own_kafka.start()
        send_load(own_kafka.bootstrap)
        wait_for_messages(database, MESSAGES)
        wait_until(lambda: readiness(port)[0] == 200, message="the consumer to be ready again")
        own_kafka.stop()
        wait_until(lambda: readiness(port)[0] == 503, message="the consumer to notice again")
        assert command.stop() == 0
    check_all_applied_once(database)


def test_a_broker_that_freezes_before_it_returns_topic_ids_is_a_transient_fault(
    own_kafka: KafkaBroker,
) -> None:
    """Any other exception would end the consumer."""
    settings = Settings(
        _env_file=None,
        database_url="postgresql://nowhere",
        kafka_bootstrap_servers=own_kafka.bootstrap,
    )
    broker = Broker(settings, Identity("group", "client"))
    try:
        assert broker.topics(list(INBOUND)).ids.keys() == INBOUND.keys()
        own_kafka.freeze()
        with pytest.raises(BrokersError):
            broker.topics(list(INBOUND))
        own_kafka.thaw()
        assert all(broker.topics(list(INBOUND)).ids.values())
    finally:
        broker.leave()


@pytest.mark.long
def test_i8_partitions_without_a_leader_are_reported_and_the_others_read(
    own_kafka: KafkaBroker, database: TestDatabase
) -> None:
    """They lose their leader before or during reading. When they have one, they are read again."""
    sender = Sender(own_kafka.bootstrap)
    with consuming(settings_for(database, own_kafka.bootstrap)) as consumer:
        wait_until(lambda: consumer.health().ready, message="the consumer to be ready")
        bring_back = own_kafka.lose_disk()
        wait_until(
            lambda: (
                "has no leader" in consumer.health().detail
                and consumer.health().figures.get("partitions", 0) > 0
            ),
            message="the partitions without a leader to be reported, and the others read",
        )
        assert not consumer.health().ready
        bring_back()
        for account_id in ACCOUNTS:
            sender.send(OPENED, opened(account_id))
        sender.flush()
        wait_for_messages(database, len(ACCOUNTS))
        wait_until(lambda: consumer.health().ready, message="the consumer to be ready again")


def test_the_consumer_names_missing_topics_and_waits_for_them(
    topics: str, database: TestDatabase
) -> None:
    """It reads the existing topics meanwhile."""
    admin = AdminClient({"bootstrap.servers": topics})
    delete_topics(admin, [OPENED])
    with consuming(settings_for(database, topics)) as consumer:
        wait_until(
            lambda: f"topic {OPENED} does not exist" in consumer.health().detail,
            message="the missing topic to be named",
        )
        assert not consumer.health().ready
        recreate_topics(topics, [OPENED])
        sender = Sender(topics)
        sender.send(OPENED, opened("acc-1"))
        sender.flush()
        wait_for_messages(database, 1)
        wait_until(lambda: consumer.health().ready, message="the consumer to be ready")


def test_a_recreated_topic_is_reported_and_not_read_until_a_reset(
    topics: str, database: TestDatabase
) -> None:
    """It is recreated before the consumer starts or while it runs. Other topics are read."""
    bootstrap = topics
    settings = settings_for(database, bootstrap)
    sender = Sender(bootstrap)
    for number in range(20):
        sender.send(OPENED, opened(f"acc-{number}"))
    sender.flush()
    with consuming(settings):
        wait_for_messages(database, 20)
    recreate_topics(bootstrap, [OPENED])
    sender = Sender(bootstrap)
    for number in range(100, 200):
        sender.send(OPENED, opened(f"acc-{number}"))
    sender.send(SUBMITTED, payment("p-1", "acc-1", 5))
    sender.flush()
    with consuming(settings) as consumer:
        wait_until(
            lambda: "was recreated" in consumer.health().detail, message="the topic to be reported"
        )
        assert not consumer.health().ready
        assert f"txplatform inbound reset {OPENED}" in consumer.health().detail
        wait_for_messages(database, 21)
        execute(database, "DELETE FROM inbound_positions WHERE topic = %s", OPENED)
        wait_for_messages(database, 121)
        wait_until(lambda: consumer.health().ready, message="the consumer to be ready")
        recreate_topics(bootstrap, [OPENED])
        wait_until(
            lambda: "was recreated" in consumer.health().detail,
            message="the topic to be reported while it is read",
        )


def test_messages_deleted_unread_are_reported(topics: str, database: TestDatabase) -> None:
    """Retention deleted messages before they were read; an operator must know."""
    bootstrap = topics
    settings = settings_for(database, bootstrap)
    sender = Sender(bootstrap)
    sender.send(OPENED, opened("acc-1"))
    sender.flush()
    with consuming(settings):
        wait_for_messages(database, 1)
    ((partition,),) = execute(
        database, "SELECT partition FROM inbound_positions WHERE next_offset = 1"
    )
    sender.send(OPENED, opened("acc-1"))
    sender.send(OPENED, opened("acc-1"))
    sender.flush()
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for deletion in admin.delete_records([TopicPartition(OPENED, partition, 2)]).values():
        deletion.result(30)
    with consuming(settings) as consumer:
        wait_until(
            lambda: "were deleted unread" in consumer.health().detail,
            message="the loss in the health",
        )

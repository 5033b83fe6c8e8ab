"""Two installations, each with a database of its own, on one Kafka cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace

import pytest

from harness.inbound import (
    SUBMITTED,
    Sender,
    consuming,
    execute,
    inbox,
    payment,
    settings_for,
    wait_for_messages,
)
from harness.postgres import PostgresServer, TestDatabase
from harness.waiting import wait_until
from txplatform.consumers.runner import InboundConsumer
from txplatform.contracts.messages import INBOUND
from txplatform.doctor.broker import BrokerView
from txplatform.doctor.finding import Finding, FindingStatus
from txplatform.doctor.lag import check_group
from txplatform.eventstore.migrations import migrate
from txplatform.settings import Settings

PAYMENTS = 40
PARTITIONS = 4 * len(INBOUND)


@pytest.fixture
def other(postgres: PostgresServer) -> Iterator[TestDatabase]:
    """The database of another installation."""
    other = postgres.empty_database()
    migrate(other.owner_url, other.service_url)
    yield other
    postgres.drop(other)


@pytest.fixture
def clone(postgres: PostgresServer, database: TestDatabase) -> Iterator[TestDatabase]:
    """A copy of the first installation's database, such as staging made from a backup."""
    clone = postgres.empty_database()
    postgres.copy(database, clone)
    yield clone
    postgres.drop(clone)


def send_payments(bootstrap: str) -> None:
    """Send payments to all partitions."""
    sender = Sender(bootstrap)
    for number in range(PAYMENTS):
        sender.send(SUBMITTED, payment(f"p-{number}", f"acc-{number}"))
    sender.flush()


def partitions(consumer: InboundConsumer) -> int:
    """Return the number of partitions that a consumer reads."""
    return int(consumer.health().figures.get("partitions", 0))


def examine(settings: Settings) -> Finding:
    """Return the doctor's finding about the consumer group."""
    with settings.service_database.connect() as connection, closing(BrokerView(settings)) as view:
        (finding,) = check_group(connection, view, view.cluster(()), settings)
        return finding


def check_strangers_are_named(first: Settings, second: Settings) -> None:
    """Check that two installations whose consumers run in one group say so until one ends."""
    with ExitStack() as stack:
        ours = stack.enter_context(consuming(first))
        with consuming(second) as theirs:
            for consumer in (ours, theirs):
                wait_until(
                    lambda consumer=consumer: partitions(consumer) == PARTITIONS // 2,  # type: ignore[misc]
                    timeout_s=30,
                )
            for settings in (first, second):
                finding = examine(settings)
                assert finding.status is FindingStatus.FAILED
                assert f"{PARTITIONS // 2} of {PARTITIONS} partitions" in finding.detail
                assert "(client id txplatform-" in finding.detail
        wait_until(lambda: ours.health().ready and partitions(ours) == PARTITIONS)
        assert examine(first).status is FindingStatus.OK


def test_two_installations_each_get_all_payments_by_default(
    database: TestDatabase, other: TestDatabase, topics: str
) -> None:
    both = [settings_for(each, topics, kafka_group_id=None) for each in (database, other)]
    with consuming(both[0]) as ours, consuming(both[1]) as theirs:
        wait_until(lambda: partitions(ours) == partitions(theirs) == PARTITIONS)
        send_payments(topics)
        wait_for_messages(database, PAYMENTS)
        wait_for_messages(other, PAYMENTS)
        assert ours.health().ready
        assert theirs.health().ready


def test_two_consumers_of_one_installation_share_the_partitions_and_are_no_strangers(
    database: TestDatabase, topics: str
) -> None:
    settings = settings_for(database, topics, kafka_group_id=None, stalled_after_s=0.1)
    with consuming(settings) as one, consuming(settings) as two:
        wait_until(lambda: partitions(one) == partitions(two) == PARTITIONS // 2)
        wait_until(lambda: "2 members, connected to this database" in examine(settings).detail)
        send_payments(topics)
        wait_for_messages(database, PAYMENTS)
        wait_until(lambda: one.health().ready and two.health().ready)


def test_two_installations_with_one_group_name_say_that_messages_go_elsewhere(
    database: TestDatabase, other: TestDatabase, topics: str
) -> None:
    shared = {"kafka_group_id": "shared", "stalled_after_s": 2}
    check_strangers_are_named(
        settings_for(database, topics, **shared), settings_for(other, topics, **shared)
    )


@pytest.mark.long
def test_a_copy_of_the_database_has_the_same_group_and_is_noticed(
    database: TestDatabase, clone: TestDatabase, topics: str
) -> None:
    """With a group name of its own, the copy gets all messages too."""
    ours = settings_for(database, topics, kafka_group_id=None, stalled_after_s=2)
    check_strangers_are_named(
        ours, settings_for(clone, topics, kafka_group_id=None, stalled_after_s=2)
    )
    send_payments(topics)
    with consuming(ours), consuming(settings_for(clone, topics, kafka_group_id="staging")):
        wait_for_messages(database, PAYMENTS)
        wait_for_messages(clone, PAYMENTS)
    assert len(inbox(database)) == len(inbox(clone)) == PAYMENTS


@pytest.mark.long
def test_two_installations_in_schemas_of_one_database_are_strangers_too(
    database: TestDatabase, topics: str
) -> None:
    """Only the lock of the own schema counts."""
    shared = {"kafka_group_id": "shared", "stalled_after_s": 2}
    execute(database, "CREATE SCHEMA blue")
    execute(database, "GRANT USAGE ON SCHEMA blue TO PUBLIC")
    blue = replace(
        database,
        owner_url=f"{database.owner_url}?options=-csearch_path%3Dblue",
        service_url=f"{database.service_url}?options=-csearch_path%3Dblue",
    )
    migrate(blue.owner_url, blue.service_url)
    check_strangers_are_named(
        settings_for(database, topics, **shared), settings_for(blue, topics, **shared)
    )

"""Damaged messages in the broker's log are reported, never applied and never skipped."""

from __future__ import annotations

import pytest

from harness.inbound import (
    LIMIT_CHANGED,
    OPENED,
    SUBMITTED,
    Sender,
    consuming,
    limit_changed,
    opened,
    payment,
    posted,
    settings_for,
    wait_for_messages,
)
from harness.kafka import Broker
from harness.postgres import TestDatabase
from harness.waiting import wait_until


@pytest.mark.long
def test_i8_a_damaged_message_stops_only_its_partition_until_it_is_repaired(
    own_kafka: Broker, database: TestDatabase
) -> None:
    """A changed digit would be another amount. Later messages are not skipped either."""
    sender = Sender(own_kafka.bootstrap)
    sender.send(OPENED, opened("acc-1"))
    for number in range(3):
        sender.send(SUBMITTED, payment(f"p-{number}", "acc-1", 100))
        sender.flush()  # each in its own batch
    intact, damaged = (
        b'"p-1", "account_id": "acc-1", "amount": 1',
        b'"p-1", "account_id": "acc-1", "amount": 9',
    )
    own_kafka.overwrite(SUBMITTED, intact, damaged)
    with consuming(settings_for(database, own_kafka.bootstrap)) as consumer:
        wait_until(
            lambda: (
                f"{SUBMITTED}[" in consumer.health().detail
                and "cannot be read from offset 1" in consumer.health().detail
            ),
            message="the partition to be told",
        )
        assert not consumer.health().ready
        wait_for_messages(database, 2)
        sender.send(LIMIT_CHANGED, limit_changed("acc-1", 1, 900_000))
        sender.flush()
        wait_for_messages(database, 3)
        assert posted(database, "acc-1") == -100
        own_kafka.overwrite(SUBMITTED, damaged, intact)
        wait_for_messages(database, 5)
        wait_until(lambda: consumer.health().ready, message="the consumer to be ready")
    assert posted(database, "acc-1") == -300

"""Decisions are published completely, in order and as the contract says (I5)."""

from __future__ import annotations

import pytest
from confluent_kafka.admin import AdminClient

from harness.commands import opening, payment, purchase
from harness.histories import record
from harness.inbound import execute, settings_for
from harness.kafka import delete_topics, recreate_topics
from harness.postgres import TestDatabase
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
from txplatform.advisory_locks import LEADERS
from txplatform.database import Database
from txplatform.eventstore.mapper import UnknownEventError
from txplatform.following.checkpoint import CheckpointError
from txplatform.publisher.event_feed import EventFeed
from txplatform.publisher.feed_publisher import checkpoint_of, read_checkpoint


def test_a_decision_is_published_as_its_response(database: TestDatabase, topics: str) -> None:
    """Plus the merchant, the time, and headers for deduplication (docs/contracts.md)."""
    with Database(database.service_url).connect() as connection:
        record(connection, [opening("acc-1", 500_000), purchase("acc-1", "tx-1", 1250)])
    with publishing(settings_for(database, topics)):
        wait_for_publisher(database)
    (published,) = read_topic(topics)
    body = published.json
    assert body == {
        "transaction_id": "tx-1",
        "account_id": "acc-1",
        "decision": "approved",
        "response_code": "00",
        "authorization_code": body["authorization_code"],
        "reasons": [],
        "amount": 1250,
        "currency": "USD",
        "balance": {"credit_limit": 500000, "posted": 0, "pending": 1250, "available": 498750},
        "ruleset": "default@1",
        "account_version": 2,
        "event_id": body["event_id"],
        "decided_at": body["decided_at"],
        "merchant": {
            "id": "m-17",
            "name": "Corner Books",
            "category_code": "5942",
            "country": "USA",
        },
        "occurred_at": None,
        "reference": None,
        "metadata": None,
        "held": 1250,
    }
    assert len(body["authorization_code"]) == 6
    assert published.key == b"acc-1"
    assert published.headers == {
        "ce_specversion": b"1.0",
        "ce_id": body["event_id"].encode(),
        "ce_source": b"/txplatform",
        "ce_type": TRANSACTION_DECISIONED.encode(),
        "ce_subject": b"acc-1",
        "ce_time": body["decided_at"].encode(),
        "content-type": b"application/json",
        "traceparent": b"00-0-0-00",
        "event_id": body["event_id"].encode(),
        "account_version": b"2",
        "log_position": str(checkpoint(database)).encode(),
    }


def test_a_decline_for_an_unknown_account_is_published_without_a_balance(
    database: TestDatabase, topics: str
) -> None:
    with Database(database.service_url).connect() as connection:
        record(connection, [purchase("acc-1", "tx-1", 1250)])
    with publishing(settings_for(database, topics)):
        wait_for_publisher(database)
    (published,) = read_topic(topics)
    assert published.json["balance"] is None
    assert published.json["reasons"][0]["code"] == "account_not_found"
    assert published.json["response_code"] == "14"


def test_events_that_are_not_published_only_move_the_checkpoint(
    database: TestDatabase, topics: str
) -> None:
    """Openings and payments are known to their senders."""
    with Database(database.service_url).connect() as connection:
        record(connection, [opening("acc-1"), payment("acc-1", "p-1", 5)])
    with publishing(settings_for(database, topics)):
        wait_for_publisher(database)
    assert read_topic(topics) == []


def test_i5_without_faults_every_account_is_published_in_order_without_copies(
    database: TestDatabase, topics: str
) -> None:
    decide(database, accounts=50, purchases=60)
    with publishing(settings_for(database, topics)) as publisher:
        wait_for_publisher(database)
        wait_until(lambda: publisher.health().figures["decisions"]["lag_positions"] == 0)
        assert publisher.health().ready
    records = read_topic(topics)
    assert len(records) == 50 * 60
    assert deduped(records) == decided(database)
    assert len({each.partition for each in records}) == 4


def test_an_account_is_on_the_partition_that_java_clients_expect(
    database: TestDatabase, topics: str
) -> None:
    """Kafka's own clients choose the partition by the murmur2 hash of the key."""
    decide(database, accounts=8, purchases=1)
    with publishing(settings_for(database, topics)):
        wait_for_publisher(database)
    found = {each.key: each.partition for each in read_topic(topics)}
    assert found == {key: _murmur2(key) % 4 for key in found if key is not None}


def test_a_publisher_names_a_missing_topic_and_waits_for_it(
    database: TestDatabase, topics: str
) -> None:
    admin = AdminClient({"bootstrap.servers": topics})
    delete_topics(admin, [TRANSACTION_DECISIONED])
    decide(database, accounts=2, purchases=3)
    with publishing(settings_for(database, topics)) as publisher:
        wait_until(
            lambda: f"topic {TRANSACTION_DECISIONED} is missing" in publisher.health().detail
        )
        assert not publisher.health().ready
        recreate_topics(topics, [TRANSACTION_DECISIONED])
        wait_for_publisher(database)
        wait_until(lambda: publisher.health().ready)
    assert deduped(read_topic(topics)) == decided(database)


def test_of_two_publishers_one_is_active_and_the_other_takes_over(
    database: TestDatabase, topics: str
) -> None:
    """It takes over after an orderly stop, and after the active publisher has lost its session."""
    settings = settings_for(database, topics)
    with publishing(settings) as second_to_stop:
        wait_until(lambda: second_to_stop.health().ready)
        with publishing(settings) as standing_by:
            wait_until(lambda: standing_by.health().ready)
            assert standing_by.health().detail.count("standing by") == 3
            assert second_to_stop.health().detail.count("active") == 3
            decide(database, accounts=5, purchases=5)
            wait_for_publisher(database)
    with publishing(settings) as first, publishing(settings) as second:
        wait_until(lambda: first.health().ready and second.health().ready)
        execute(
            database,
            "SELECT pg_terminate_backend(pid) FROM pg_locks"
            " WHERE locktype = 'advisory' AND granted AND classid = %s",
            LEADERS,
        )
        decide(database, accounts=5, purchases=5, name="after")
        wait_for_publisher(database)
    records = read_topic(topics)
    assert deduped(records) == decided(database)


def test_a_log_that_has_lost_its_end_is_not_published(database: TestDatabase, topics: str) -> None:
    """New events below the checkpoint would be skipped."""
    decide(database, accounts=1, purchases=1)
    execute(database, "INSERT INTO checkpoints VALUES ('publisher:decisions', 1000)")
    with publishing(settings_for(database, topics)) as publisher:
        wait_until(lambda: "a backup was restored" in publisher.health().detail)
        assert not publisher.health().ready
    assert checkpoint(database) == 1000
    assert read_topic(topics) == []


def test_a_checkpoint_that_another_session_has_moved_is_not_moved(database: TestDatabase) -> None:
    """A publisher may have lost the lead without knowing it."""
    decide(database, accounts=1, purchases=2)
    with Database(database.service_url).connect() as connection:
        assert read_checkpoint(connection, EventFeed()) == 0
        execute(database, "UPDATE checkpoints SET position = 2")
        with pytest.raises(CheckpointError):
            checkpoint_of(EventFeed()).move(connection, before=0, to=1)
    assert checkpoint(database) == 2


def test_i5_an_event_of_a_newer_version_is_not_skipped(database: TestDatabase) -> None:
    """It may have to be published, so nothing of its batch is sent."""
    decide(database, accounts=1, purchases=2)
    execute(database, "ALTER TABLE events DISABLE TRIGGER USER")
    execute(database, "UPDATE events SET topic = 'unheard-of' WHERE originator_version = 3")
    with (
        Database(database.service_url).connect() as connection,
        pytest.raises(UnknownEventError, match="unheard-of"),
    ):
        EventFeed().read(connection, 0)


def _murmur2(data: bytes) -> int:
    """Return Kafka's 32-bit variant of the hash, without its sign."""
    mask, m = 0xFFFF_FFFF, 0x5BD1_E995
    h = 0x9747_B28C ^ len(data)
    whole = len(data) // 4 * 4
    for start in range(0, whole, 4):
        k = int.from_bytes(data[start : start + 4], "little") * m & mask
        h = (h * m & mask) ^ ((k ^ k >> 24) * m & mask)
    if rest := data[whole:]:
        h = (h ^ int.from_bytes(rest, "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return (h ^ h >> 15) & 0x7FFF_FFFF

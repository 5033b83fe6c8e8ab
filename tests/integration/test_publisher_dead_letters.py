"""Messages that cannot be applied are sent unchanged to their topic's dead letters."""

from __future__ import annotations

import json

from confluent_kafka.admin import AdminClient

from harness.commands import opening, payment, purchase
from harness.histories import record
from harness.inbound import SUBMITTED, Sender, consuming, inbox, settings_for, wait_for_messages
from harness.inbound import opened as opened_body
from harness.inbound import payment as payment_body
from harness.kafka import delete_topics, recreate_topics
from harness.postgres import TestDatabase
from harness.published import (
    checkpoint,
    decided,
    deduped,
    publishing,
    read_topic,
    wait_for_publisher,
)
from harness.waiting import wait_until
from txplatform.database import Database

DEAD = f"{SUBMITTED}.dlq"


def test_a_parked_message_is_a_dead_letter_with_the_same_bytes_and_a_reason(
    database: TestDatabase, topics: str
) -> None:
    """Key, body and headers may be any bytes."""
    settings = settings_for(database, topics)
    sender = Sender(topics)
    sender.send_raw(SUBMITTED, b"\xff\x00", b"\x80 not json", [("x", b"\xfe"), ("y", None)])
    sender.send_raw(SUBMITTED, None, None)
    sender.flush()
    with consuming(settings):
        wait_for_messages(database, 2)
    with publishing(settings):
        wait_until(lambda: len(read_topic(topics, DEAD)) == 2)
    rows = {row.id: row for row in inbox(database)}
    assert all("simulated" not in each.headers for each in read_topic(topics, DEAD))
    found = {int(each.header("inbound_id")): each for each in read_topic(topics, DEAD)}
    assert found.keys() == rows.keys()
    for inbound_id, dead in found.items():
        row = rows[inbound_id]
        assert dead.header("dlq_topic") == SUBMITTED
        assert int(dead.header("dlq_partition")) == row.partition
        assert int(dead.header("dlq_offset")) == row.offset
        assert dead.header("dlq_reason") == row.reason
        assert dead.header("dlq_detail") == row.detail
    (garbled,) = (each for each in found.values() if each.body is not None)
    assert (garbled.key, garbled.body) == (b"\xff\x00", b"\x80 not json")
    assert (garbled.headers["x"], garbled.headers["y"]) == (b"\xfe", None)
    assert garbled.header("dlq_reason") == "not_json"
    (tombstone,) = (each for each in found.values() if each.body is None)
    assert tombstone.key is None
    assert tombstone.header("dlq_reason") == "empty_body"


def test_a_waiting_message_that_is_rejected_is_a_dead_letter_with_the_same_bytes(
    database: TestDatabase, topics: str
) -> None:
    """It is rejected when its account is opened in another currency."""
    settings = settings_for(database, topics)
    sender = Sender(topics)
    body = payment_body("p-1", "acc-1", currency="EUR")
    sender.send(SUBMITTED, body, x_team="payments")
    sender.flush()
    with consuming(settings):
        wait_for_messages(database, 1)
        sender.send("accounts.account-opened.v1", opened_body("acc-1"))
        sender.flush()
        wait_for_messages(database, 2)
    with publishing(settings):
        wait_until(lambda: read_topic(topics, DEAD))
        wait_for_publisher(database, feed="rejected-messages")
    (dead,) = read_topic(topics, DEAD)
    assert dead.key == b"acc-1"
    assert dead.json == body
    assert dead.header("x-team") == "payments"
    assert dead.header("dlq_reason") == "currency_mismatch"
    assert int(dead.header("inbound_id")) == inbox(database, topic=SUBMITTED)[0].id


def test_a_rejected_message_that_is_not_in_the_inbox_is_written_from_the_log(
    database: TestDatabase, topics: str
) -> None:
    with Database(database.service_url).connect() as connection:
        record(connection, [payment("acc-1", "p-1", 100, "EUR")])
        record(connection, [opening("acc-1")])
    with publishing(settings_for(database, topics)):
        wait_until(lambda: read_topic(topics, DEAD))
    (dead,) = read_topic(topics, DEAD)
    assert json.loads(dead.body or b"") == {
        "payment_id": "p-1",
        "account_id": "acc-1",
        "amount": 100,
        "currency": "EUR",
        "submitted_at": "2026-11-20T10:15:00.000000Z",
        "original_amount": None,
        "original_currency": None,
        "reference": None,
        "metadata": None,
    }
    assert dead.key == b"acc-1"
    assert dead.header("dlq_reason") == "currency_mismatch"
    assert dead.header("dlq_topic") == SUBMITTED


def test_a_missing_dead_letter_topic_holds_up_no_decision(
    database: TestDatabase, topics: str
) -> None:
    admin = AdminClient({"bootstrap.servers": topics})
    delete_topics(admin, [DEAD])
    with Database(database.service_url).connect() as connection:
        record(connection, [payment("acc-1", "p-1", 100, "EUR")])
        record(connection, [opening("acc-1"), purchase("acc-1", "tx-1", 5)])
    with publishing(settings_for(database, topics)) as publisher:
        wait_for_publisher(database)
        wait_until(lambda: f"topic {DEAD} is missing" in publisher.health().detail)
        assert "decisions: active" in publisher.health().detail
        assert deduped(read_topic(topics)) == decided(database)
        assert checkpoint(database, "rejected-messages") == 0
        recreate_topics(topics, [DEAD])
        wait_for_publisher(database, feed="rejected-messages")
    assert len(read_topic(topics, DEAD)) == 1

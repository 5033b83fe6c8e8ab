"""The transaction of one batch of messages: the log's lock, positions, inbox rows, causes."""

from __future__ import annotations

import json

import psycopg
import pytest

from harness.commands import NOW, OPERATOR, opening
from harness.histories import read_whole_log, record
from harness.inbound import (
    LIMIT_CHANGED,
    OPENED,
    PRESENTED,
    RETURNED,
    STATUS_CHANGED,
    SUBMITTED,
    execute,
    limit_changed,
    opened,
    payment,
    presentment,
    returned,
    status_changed,
)
from harness.postgres import TestDatabase
from txplatform.consumers.batch_processor import InboundBatch, process
from txplatform.consumers.parked_messages import discard_message
from txplatform.consumers.parsing import ParsedMessage, read_message
from txplatform.contracts.messages import INBOUND
from txplatform.database import Database
from txplatform.domain.cause import KeyCause, MessageCause
from txplatform.eventstore.statements import LOCK_LOG
from txplatform.inbox.message import ReceivedMessage
from txplatform.inbox.positions import FencedError, Move, Position, begin
from txplatform.processing.account_cache import AccountCache
from txplatform.publisher.parked_messages import ParkedMessages

CLUSTER = "cluster"


def parsed(offset: int, body: bytes) -> ParsedMessage:
    """Return a parsed message of the payments topic."""
    message = ReceivedMessage(CLUSTER, SUBMITTED, "id", 0, offset, None, b"acc-1", (), body)
    return read_message(message)


def batch(offset: int, body: bytes) -> InboundBatch:
    """Return a batch with one message, which moves the position by one."""
    moves = [Move(SUBMITTED, 0, offset, offset + 1)]
    return InboundBatch(CLUSTER, [parsed(offset, body)], moves, NOW)


def begin_at(connection: psycopg.Connection, offset: int) -> None:
    """Store a position."""
    begin(connection, CLUSTER, [Position(SUBMITTED, 0, "id", offset)])


def test_a_batch_without_events_takes_the_logs_lock_too(database: TestDatabase) -> None:
    """Otherwise the publisher could miss rows that become visible after later rows."""
    with (
        Database(database.service_url, lock_timeout_s=0.2).connect() as connection,
        psycopg.connect(database.owner_url) as other,
    ):
        begin_at(connection, 0)
        other.execute(LOCK_LOG.encode())
        with pytest.raises(psycopg.errors.LockNotAvailable):
            process(connection, AccountCache(10), batch(0, b"rubbish"))
        other.rollback()
        process(connection, AccountCache(10), batch(0, b"rubbish"))
    assert execute(database, "SELECT status FROM inbound_messages") == [("parked",)]


def test_a_batch_from_a_position_that_was_moved_is_rolled_back(database: TestDatabase) -> None:
    """A consumer that was replaced commits no event, inbox row or position."""
    body = json.dumps(payment("p-1", "acc-1")).encode()
    with Database(database.service_url).connect() as connection:
        begin_at(connection, 7)
        with pytest.raises(FencedError):
            process(connection, AccountCache(10), batch(6, body))
    assert execute(database, "SELECT count(*) FROM events") == [(0,)]
    assert execute(database, "SELECT count(*) FROM inbound_messages") == [(0,)]
    assert execute(database, "SELECT next_offset FROM inbound_positions") == [(7,)]


def test_a_batch_is_rolled_back_if_one_of_its_two_positions_was_moved(
    database: TestDatabase,
) -> None:
    """A consumer that was replaced may have lost only one of two partitions."""
    body = json.dumps(payment("p-1", "acc-1")).encode()
    moves = [Move(SUBMITTED, 0, 6, 7), Move(SUBMITTED, 1, 3, 4)]
    with Database(database.service_url).connect() as connection:
        begin_at(connection, 6)
        begin(connection, CLUSTER, [Position(SUBMITTED, 1, "id", 9)])
        with pytest.raises(FencedError):
            process(
                connection, AccountCache(10), InboundBatch(CLUSTER, [parsed(6, body)], moves, NOW)
            )
    assert execute(database, "SELECT count(*) FROM events") == [(0,)]
    offsets = "SELECT next_offset FROM inbound_positions ORDER BY partition"
    assert execute(database, offsets) == [(6,), (9,)]


def test_discarding_a_message_does_not_move_the_end_of_the_feed_of_parked_messages(
    database: TestDatabase,
) -> None:
    """The message is already published; a feed that ends before its checkpoint would stop."""
    with Database(database.service_url).connect() as connection:
        begin_at(connection, 0)
        process(connection, AccountCache(10), batch(0, b"rubbish"))
        end = ParkedMessages().end(connection)
        assert end > 0
        discard_message(connection, end, "sent in error", OPERATOR)
        assert ParkedMessages().end(connection) == end


def test_the_service_can_neither_alter_nor_delete_received_messages(database: TestDatabase) -> None:
    """It may only set the columns for an operator's decision."""
    with Database(database.service_url).connect() as connection:
        for statement in (
            "DELETE FROM inbound_messages",
            "UPDATE inbound_contents SET body = ''",
            "UPDATE inbound_messages SET first_status = 'applied'",
            "UPDATE inbound_messages SET content_hmac = ''",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_a_message_of_each_topic_is_the_cause_of_its_events(service: psycopg.Connection) -> None:
    bodies = {
        OPENED: opened("acc-1"),
        LIMIT_CHANGED: limit_changed("acc-1", 1, 900_000),
        STATUS_CHANGED: status_changed("frozen", 1),
        SUBMITTED: payment("p-1", "acc-1"),
        RETURNED: returned("p-1", "acc-1"),
        PRESENTED: presentment("c-1"),
    }
    assert {*bodies} == {*INBOUND}
    messages = [
        ReceivedMessage(
            CLUSTER, topic, "id", 3, 70 + at, None, b"acc-1", (), json.dumps(body).encode()
        )
        for at, (topic, body) in enumerate(bodies.items())
    ]
    begin(service, CLUSTER, [Position(each.topic, 3, "id", each.offset) for each in messages])
    process(
        service,
        AccountCache(10),
        InboundBatch(
            CLUSTER,
            [read_message(each) for each in messages],
            [Move(each.topic, 3, each.offset, each.offset + 1) for each in messages],
            NOW,
        ),
    )
    causes = dict.fromkeys(logged.event.caused_by for logged in read_whole_log(service))
    assert [*causes] == [MessageCause(topic, 3, 70 + at) for at, topic in enumerate(bodies)]


def test_the_event_that_applies_a_waiting_message_has_the_cause_of_the_opening(
    service: psycopg.Connection,
) -> None:
    """The event that records the wait has the message as its cause."""
    begin_at(service, 7)
    process(service, AccountCache(10), batch(7, json.dumps(payment("p-1", "acc-1")).encode()))
    record(service, [opening("acc-1")])
    key = KeyCause("key_1", "test")
    assert [(each.event.TOPIC, each.event.caused_by) for each in read_whole_log(service)] == [
        ("payment-waiting", MessageCause(SUBMITTED, 0, 7)),
        ("account-opened", key),
        ("payment-received", key),
    ]

"""What one batch's transaction holds on to: the log's lock, and the positions it moves."""

from __future__ import annotations

import json

import psycopg
import pytest

from harness.inbound import SUBMITTED, execute, payment
from harness.postgres import TestDatabase
from txplatform.consumers import TOPICS
from txplatform.consumers.batch_processor import Batch, BatchProcessor
from txplatform.consumers.parked_messages import discard_message
from txplatform.consumers.parsing import ParsedMessage, read_message
from txplatform.database import Database
from txplatform.eventstore.statements import LOCK_LOG
from txplatform.inbox.positions import FencedError, Move, Position, begin
from txplatform.inbox.received_message import ReceivedMessage
from txplatform.processing.account_cache import AccountCache
from txplatform.publisher.parked_messages import ParkedMessages

CLUSTER = "cluster"


def parsed(offset: int, body: bytes) -> ParsedMessage:
    """A message of the payments topic."""
    message = ReceivedMessage(CLUSTER, SUBMITTED, "id", 0, offset, None, b"acc-1", (), body)
    return read_message(message, TOPICS[SUBMITTED])


def batch(offset: int, body: bytes) -> Batch:
    """One message, which takes the position one on."""
    return Batch(CLUSTER, [parsed(offset, body)], [Move(SUBMITTED, 0, offset, offset + 1)])


def processor() -> BatchProcessor:
    """A consumer's, with nothing cached yet."""
    return BatchProcessor(AccountCache(10))


def begin_at(connection: psycopg.Connection, offset: int) -> None:
    """Make the position known."""
    begin(connection, CLUSTER, [Position(SUBMITTED, 0, "id", offset)])


def test_a_batch_without_events_takes_the_logs_lock_too(database: TestDatabase) -> None:
    """Else its ledger rows could become visible behind later ones, and a dead letter be missed."""
    with (
        Database(database.service_url, lock_timeout_s=0.2).connect() as connection,
        psycopg.connect(database.owner_url) as other,
    ):
        begin_at(connection, 0)
        other.execute(LOCK_LOG.encode())
        with pytest.raises(psycopg.errors.LockNotAvailable):
            processor().process(connection, batch(0, b"rubbish"))
        other.rollback()
        processor().process(connection, batch(0, b"rubbish"))
    assert execute(database, "SELECT status FROM inbound_messages") == [("parked",)]


def test_a_batch_from_a_position_that_was_moved_is_rolled_back(database: TestDatabase) -> None:
    """Events, ledger and position: a zombie commits nothing."""
    body = json.dumps(payment("p-1", "acc-1")).encode()
    with Database(database.service_url).connect() as connection:
        begin_at(connection, 7)
        with pytest.raises(FencedError):
            processor().process(connection, batch(6, body))
    assert execute(database, "SELECT count(*) FROM events") == [(0,)]
    assert execute(database, "SELECT count(*) FROM inbound_messages") == [(0,)]
    assert execute(database, "SELECT next_offset FROM inbound_positions") == [(7,)]


def test_a_batch_of_which_one_position_was_moved_is_rolled_back(database: TestDatabase) -> None:
    """The other partition's move is not enough: a zombie may have lost one of two."""
    body = json.dumps(payment("p-1", "acc-1")).encode()
    moves = [Move(SUBMITTED, 0, 6, 7), Move(SUBMITTED, 1, 3, 4)]
    with Database(database.service_url).connect() as connection:
        begin_at(connection, 6)
        begin(connection, CLUSTER, [Position(SUBMITTED, 1, "id", 9)])
        with pytest.raises(FencedError):
            processor().process(connection, Batch(CLUSTER, [parsed(6, body)], moves))
    assert execute(database, "SELECT count(*) FROM events") == [(0,)]
    offsets = "SELECT next_offset FROM inbound_positions ORDER BY partition"
    assert execute(database, offsets) == [(6,), (9,)]


def test_what_a_person_discards_does_not_set_the_feed_of_parked_messages_back(
    database: TestDatabase,
) -> None:
    """Its dead letter was sent: a feed that ends before its checkpoint would stop."""
    with Database(database.service_url).connect() as connection:
        begin_at(connection, 0)
        processor().process(connection, batch(0, b"rubbish"))
        end = ParkedMessages().end(connection)
        assert end > 0
        discard_message(connection, end, "sent in error")
        assert ParkedMessages().end(connection) == end


def test_the_service_can_neither_alter_nor_delete_what_came_in(database: TestDatabase) -> None:
    """Only what a person decided may be noted on a row."""
    with Database(database.service_url).connect() as connection:
        for statement in (
            "DELETE FROM inbound_messages",
            "UPDATE inbound_messages SET body = ''",
            "UPDATE inbound_messages SET first_status = 'applied'",
            "UPDATE inbound_messages SET content_sha256 = ''",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)

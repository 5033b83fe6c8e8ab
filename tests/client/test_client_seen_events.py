"""Copies of events are detected in the transaction of their effects, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta

import psycopg
import pytest

from harness.postgres import TestDatabase
from harness.waiting import wait_until
from txplatform_client.kafka import SeenEvents

SEEN = SeenEvents("notifications")


@pytest.fixture
def consumer(database: TestDatabase) -> Iterator[psycopg.Connection]:
    """A connection to a consumer's own database."""
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        connection.execute(SEEN.TABLE)
        connection.execute("CREATE TABLE effects (event_id TEXT)")
        yield connection


def handle(connection: psycopg.Connection, event_id: str) -> None:
    """Store an event's effect, unless it was handled before."""
    with connection.transaction():
        if SEEN.add(connection, event_id):
            connection.execute("INSERT INTO effects VALUES (%s)", [event_id])


def effects(connection: psycopg.Connection) -> list[str]:
    return [each for (each,) in connection.execute("SELECT event_id FROM effects ORDER BY 1")]


def test_copies_in_any_order_take_effect_once(consumer: psycopg.Connection) -> None:
    events = [f"e-{number:03}" for number in range(200)]
    delivered = events * 3
    random.Random(21).shuffle(delivered)
    for event_id in delivered:
        handle(consumer, event_id)
    assert effects(consumer) == events


def test_an_event_whose_transaction_rolled_back_is_handled_again(
    consumer: psycopg.Connection,
) -> None:
    with consumer.transaction(force_rollback=True):
        assert SEEN.add(consumer, "e-1")
    handle(consumer, "e-1")
    assert effects(consumer) == ["e-1"]


@pytest.mark.parametrize("end", [psycopg.Connection.commit, psycopg.Connection.rollback])
def test_of_two_consumers_of_one_event_exactly_one_handles_it(
    consumer: psycopg.Connection,
    database: TestDatabase,
    end: Callable[[psycopg.Connection], None],
) -> None:
    """The second waits for the end of the first one's transaction."""

    def second() -> None:
        with psycopg.connect(database.owner_url, autocommit=True) as connection:
            handle(connection, "e-1")

    with psycopg.connect(database.owner_url) as first:
        assert SEEN.add(first, "e-1")
        first.execute("INSERT INTO effects VALUES ('e-1')")
        thread = threading.Thread(target=second)
        thread.start()
        waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        wait_until(lambda: consumer.execute(waits).fetchone() is not None)
        end(first)
        thread.join()
    assert effects(consumer) == ["e-1"]


def test_consumers_that_share_the_table_each_handle_an_event(
    consumer: psycopg.Connection,
) -> None:
    other = SeenEvents("web")
    assert SEEN.add(consumer, "e-1")
    assert other.add(consumer, "e-1")
    assert not other.add(consumer, "e-1")


def test_old_events_of_one_consumer_are_forgotten(consumer: psycopg.Connection) -> None:
    other = SeenEvents("web")
    SEEN.add(consumer, "old")
    other.add(consumer, "old")
    consumer.execute("UPDATE seen_events SET seen_at = '2026-01-01T00:00:00.000000+00:00'")
    SEEN.add(consumer, "new")
    assert SEEN.forget(consumer, timedelta(days=14)) == 1
    assert not SEEN.add(consumer, "new")
    assert not other.add(consumer, "old")
    assert SEEN.add(consumer, "old")


def test_old_events_are_forgotten_in_pieces_the_oldest_first(
    consumer: psycopg.Connection,
) -> None:
    for event_id in ("c", "a", "b"):
        SEEN.add(consumer, event_id)
    consumer.execute("UPDATE seen_events SET seen_at = '2000-01-01-' || event_id")
    assert SEEN.forget(consumer, timedelta(days=14), at_most=2) == 2
    assert [SEEN.add(consumer, event_id) for event_id in "abc"] == [True, True, False]


def test_events_are_added_over_asyncio(
    consumer: psycopg.Connection, database: TestDatabase
) -> None:
    async def add_twice() -> list[bool]:
        async with await psycopg.AsyncConnection.connect(database.owner_url) as connection:
            return [await SEEN.add_async(connection, "e-1") for _ in range(2)]

    assert asyncio.run(add_twice()) == [True, False]
    assert not SEEN.add(consumer, "e-1")


def test_events_are_added_to_sqlite() -> None:
    seen = SeenEvents("notifications", placeholder="?")
    with closing(sqlite3.connect(":memory:")) as store:
        store.executescript(seen.TABLE)
        assert [seen.add(store, "e-1") for _ in range(2)] == [True, False]
        assert seen.forget(store, timedelta(seconds=-1)) == 1

"""The append of a lane, which uses libpq's own calls."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
import uvloop

from harness.commands import ORIGIN, opening, payment
from harness.postgres import TestDatabase
from txplatform.binary_arrays import ByteaArray, TextArray
from txplatform.database import Database
from txplatform.decisions.appender import Appender
from txplatform.domain.account import DecisionContext
from txplatform.domain.advices import Payment
from txplatform.domain.events import AccountEvent
from txplatform.domain.ids import account_stream
from txplatform.domain.requests import Opening
from txplatform.eventstore.statements import LOCK_LOG, append_parameters
from txplatform.processing.unit_of_work import UnitOfWork
from txplatform.random_ids import random_id

Runs = Callable[[Coroutine[Any, Any, Any]], Any]
CONTEXT = DecisionContext(datetime(2026, 11, 20, tzinfo=UTC), random_id, ORIGIN)


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def runs(request: pytest.FixtureRequest) -> Runs:
    """Run a coroutine on each event loop; the API uses uvloop."""
    found: Runs = request.param
    return found


@asynccontextmanager
async def appending(
    database: TestDatabase,
) -> AsyncIterator[tuple[psycopg.AsyncConnection, Appender]]:
    """Prepare an append on a connection."""
    connection = await Database(database.service_url).connect_async()
    try:
        yield connection, await Appender.prepare(connection)
    finally:
        await connection.close()


def events_of(commands: Iterable[Opening | Payment]) -> list[AccountEvent]:
    """Return the events of these commands on new accounts."""
    work = UnitOfWork()
    for command in commands:
        work.execute(account_stream(command.account_id), command, CONTEXT)
    return work.collect()


def test_appends_and_returns_the_streams_with_a_conflict(
    runs: Runs, database: TestDatabase
) -> None:
    async def run() -> list[object]:
        async with appending(database) as (_, appender):
            first = await appender.append(append_parameters(events_of([opening("a", 1)])))
            both = events_of([opening("a", 1), opening("b", 1)])
            return [first, await appender.append(append_parameters(both))]

    assert runs(run()) == [[([],)], [(["account-a"],)]]


def test_appends_more_than_the_socket_takes_at_once(runs: Runs, database: TestDatabase) -> None:
    events = events_of([opening("a", 1), *(payment("a", f"p{n}", 1) for n in range(999))])
    names, versions, keys, topics, _, *others = append_parameters(events)
    large = ByteaArray.of([b"x" * 20_000] * len(events))

    async def run() -> None:
        async with appending(database) as (connection, appender):
            await appender.append((names, versions, keys, topics, large, *others))
            cursor = await connection.execute("SELECT sum(length(state)) FROM events")
            assert await cursor.fetchone() == (20_000 * len(events),)

    runs(run())


def test_an_error_of_the_server_is_raised_and_the_connection_is_usable(
    runs: Runs, database: TestDatabase
) -> None:
    first, second = events_of([opening("a", 1), payment("a", "p", 1)])
    names, versions, _, *others = append_parameters([first, second])
    same_keys = TextArray.of([first.key, first.key])

    async def run() -> None:
        async with appending(database) as (_, appender):
            with pytest.raises(psycopg.errors.UniqueViolation):
                await appender.append((names, versions, same_keys, *others))
            assert await appender.append(append_parameters([first, second])) == [([],)]

    runs(run())


def test_a_connection_that_ends_during_an_append_is_an_error(
    runs: Runs, database: TestDatabase
) -> None:
    async def run() -> None:
        async with appending(database) as (connection, appender):
            with psycopg.connect(database.owner_url) as other:
                other.execute(LOCK_LOG)
                parameters = append_parameters(events_of([opening("a", 1)]))
                waiting = asyncio.create_task(appender.append(parameters))
                await asyncio.sleep(0)  # lets the task send
                other.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))
                with pytest.raises(psycopg.OperationalError):
                    await waiting

    runs(run())


def test_a_session_that_ended_before_an_append_is_an_error_at_once(
    runs: Runs, database: TestDatabase
) -> None:
    """The server's last words are unread, and it resets the connection when it is sent more."""

    async def run() -> None:
        async with appending(database) as (connection, appender):
            pid = connection.info.backend_pid
            with psycopg.connect(database.owner_url, autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s, 10000)", (pid,))  # waits for it
            async with asyncio.timeout(5):
                with pytest.raises(psycopg.OperationalError):
                    await appender.append(append_parameters(events_of([opening("a", 1)])))

    runs(run())


def test_a_cancelled_append_stops_waiting(runs: Runs, database: TestDatabase) -> None:
    async def run() -> None:
        async with appending(database) as (_, appender):
            with psycopg.connect(database.owner_url) as other:
                other.execute(LOCK_LOG)
                parameters = append_parameters(events_of([opening("a", 1)]))
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.05):
                        await appender.append(parameters)

    runs(run())

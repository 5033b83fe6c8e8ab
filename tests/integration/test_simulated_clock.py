"""The clock of decisions is the database's, and simulated only in a database that the demo made."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from typing import Any

import httpx
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.api import balance, open_account, purchase, running_api
from harness.commands import opening, payment
from harness.histories import record
from harness.inbound import SUBMITTED, Sender, consuming, settings_for, wait_for_messages
from harness.postgres import PostgresServer, TestDatabase
from harness.processes import Command, run_command
from harness.published import publishing, read_topic
from harness.waiting import wait_until
from txplatform.api.log_tail import response_class
from txplatform.api.queries import Queries
from txplatform.contracts.events import SimulatedEventResponse
from txplatform.database import Database
from txplatform.database_clock import DatabaseClock, simulated_time
from txplatform.demo.simulated_clock import NotSimulatedError, move_clock, simulate_clock

FIRST = datetime(2017, 3, 31, 12, tzinfo=UTC)
WITHIN = timedelta(minutes=10)
"""More than the longest time that a test takes."""


@pytest.fixture
def owner(database: TestDatabase) -> Iterator[psycopg.Connection]:
    """A connection of the owner to a database with a simulated clock."""
    simulate_clock(database.owner_url, FIRST)
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        yield connection


def clock_of(connection: psycopg.Connection) -> datetime:
    (now,) = connection.execute("SELECT decision_clock()").fetchall()[0]
    assert isinstance(now, datetime)
    return now


def real_time_of(connection: psycopg.Connection, simulated: datetime) -> datetime:
    (real,) = connection.execute("SELECT real_time(%s)", (simulated,)).fetchall()[0]
    assert isinstance(real, datetime)
    return real


def test_the_clock_of_production_is_the_servers_and_costs_no_call(
    service: psycopg.Connection, database: TestDatabase
) -> None:
    """The planner replaces the function by its body, also in the default of `recorded_at`."""
    clock = DatabaseClock()
    clock.measure(service)
    assert not clock.simulated
    assert abs(clock.now() - datetime.now(UTC)) < WITHIN
    assert simulated_time(service) is None
    with psycopg.connect(database.owner_url) as connection:
        connection.execute("SET enable_seqscan = off")
        plan = connection.execute(
            "EXPLAIN (VERBOSE, COSTS OFF) INSERT INTO events (originator_id, originator_version,"
            " event_key, topic, state, pending_change) SELECT 's', n, n::text, 't', '', 0"
            " FROM generate_series(1, 3) n"
        ).fetchall()
    shown = "\n".join(line for (line,) in plan)
    assert "clock_timestamp()" in shown
    assert "decision_clock" not in shown


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE simulated_clock (simulated_at timestamptz)",
        """CREATE OR REPLACE FUNCTION decision_clock() RETURNS timestamptz LANGUAGE sql
           RETURN '2017-03-31'::timestamptz""",
    ],
)
def test_the_services_role_cannot_simulate_the_clock(
    service: psycopg.Connection, statement: str
) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        service.execute(statement.encode())


def test_a_database_with_events_of_real_times_is_refused(
    database: TestDatabase, service_env: dict[str, str], service: psycopg.Connection
) -> None:
    with running_api(service_env) as api:
        open_account(api.client, "acc", 1000)
    with pytest.raises(NotSimulatedError, match="--fresh"):
        simulate_clock(database.owner_url, FIRST)
    assert simulated_time(service) is None


def test_the_clock_stays_as_it_is_when_the_demo_starts_again(
    database: TestDatabase, owner: psycopg.Connection, service: psycopg.Connection
) -> None:
    later = FIRST + timedelta(days=400)
    move_clock(owner, later)
    simulate_clock(database.owner_url, FIRST)
    now = simulated_time(service)
    assert now is not None
    assert timedelta() <= now - later < WITHIN


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=st.lists(st.integers(-3, 400), min_size=1, max_size=12))
def test_the_clock_never_goes_back_and_every_time_has_its_real_time(
    owner: psycopg.Connection, moves: list[int]
) -> None:
    seen = [clock_of(owner)]
    began = datetime.now(UTC)
    for days in moves:
        to = seen[-1] + timedelta(days=days)
        move_clock(owner, to)
        seen.append(clock_of(owner))
        assert seen[-1] >= to
        now = owner.execute("SELECT clock_timestamp()").fetchall()[0][0]
        assert abs(real_time_of(owner, seen[-1]) - now) < timedelta(seconds=5)
        if days > 0:
            skipped = seen[-2] + timedelta(days=days / 2)
            assert real_time_of(owner, seen[-2]) <= real_time_of(owner, skipped) <= now
    assert all(before < after for before, after in pairwise(seen))
    assert real_time_of(owner, seen[-1]) - began < WITHIN


def test_decisions_expiry_and_reports_follow_the_simulated_days(
    owner: psycopg.Connection, service_env: dict[str, str]
) -> None:
    """A limit of two purchases in 30 days, and holds of seven days; all of it within seconds."""
    rules = [{"rule": "velocity_count", "window_minutes": 30 * 24 * 60, "max_count": 2}]
    with running_api(service_env) as api, Command("project", env=service_env) as projector:
        projector.wait_ready()
        added = api.client.post("/v1/rulesets", json={"name": "m", "version": 1, "rules": rules})
        assert added.is_success, added.text
        activated = api.client.post(
            "/v1/rulesets/m@1/activations", json={"activation_id": "a", "reason": "Test."}
        )
        assert activated.is_success, activated.text
        wait_until(
            lambda: 'in_force{ruleset="m@1"} 1.0' in api.client.get("/metrics").text,
            message="the rule set to be in force",
        )
        open_account(api.client, "acc", 1000)

        def buy(name: str, day: int) -> str:
            at = FIRST + timedelta(days=day)
            move_clock(owner, at)
            decision = api.client.post(
                "/v1/process-transaction", json=purchase(name, "acc", 100)
            ).json()
            decided_at = datetime.fromisoformat(decision["decided_at"])
            assert timedelta() <= decided_at - at < WITHIN
            return str(decision["decision"])

        assert [buy("a", 1), buy("b", 20), buy("c", 30)] == ["approved", "approved", "declined"]
        assert buy("d", 32) == "approved"
        in_april = {"from": "2017-04-20T00:00:00Z", "until": "2017-05-01T00:00:00Z"}

        def listed() -> list[str]:
            response = api.client.get("/v1/accounts/acc/transactions", params=in_april)
            return [each["transaction_id"] for each in response.json()["items"]]

        wait_until(lambda: listed() == ["c", "b"], message="the purchases of April")
        wait_until(
            lambda: balance(api.client, "acc")["pending"] == 100, message="two expired holds"
        )
        move_clock(owner, FIRST + timedelta(days=40))
        wait_until(lambda: balance(api.client, "acc")["pending"] == 0, message="the last expiry")
        code, out, err = run_command("doctor", env=service_env)
        assert "it is 2017-05-10 12:0" in out, out + err
        for name in ("overdue holds", "project: transactions"):
            (line,) = [each for each in out.splitlines() if f" {name} " in each]
            assert line.startswith("ok"), line
        code, out, err = run_command("verify", env=service_env)
        assert code == 0, out + err
        assert "it is 2017-05-10 12:0" in out


def test_a_restored_backup_stays_simulated(
    owner: psycopg.Connection, database: TestDatabase, postgres: PostgresServer
) -> None:
    move_clock(owner, FIRST + timedelta(days=5))
    restored = postgres.empty_database()
    postgres.copy(database, restored)
    with psycopg.connect(restored.service_url) as service:
        now = simulated_time(service)
    postgres.drop(restored)
    assert now is not None
    assert timedelta(days=5) <= now - FIRST < timedelta(days=5) + WITHIN


def streamed(client: httpx.Client, count: int) -> list[dict[str, Any]]:
    """Return the first events of the stream."""
    with client.stream("GET", "/v1/events/stream") as stream:
        lines = (line for line in stream.iter_lines() if line.startswith("data: "))
        return [json.loads(line.removeprefix("data: ")) for line in islice(lines, count)]


@pytest.mark.parametrize("simulated", [True, False])
def test_only_the_demos_events_say_that_their_times_are_simulated(
    database: TestDatabase, service_env: dict[str, str], *, simulated: bool
) -> None:
    """Elsewhere they have no such member, and the command prints nothing about it."""
    if simulated:
        simulate_clock(database.owner_url, FIRST)
    with running_api(service_env) as api:
        open_account(api.client, "acc", 1000)
        api.client.post("/v1/process-transaction", json=purchase("t", "acc", 100))
        pages = [
            api.client.get(path).json()["items"]
            for path in ("/v1/events", "/v1/accounts/acc/events")
        ]
        pages.append(streamed(api.client, 2))
    _, out, err = run_command("events", "--account", "acc", "--json", env=service_env)
    pages.append([*map(json.loads, out.splitlines())])
    for page in pages:
        assert [each.get("simulated") for each in page] == [True if simulated else None] * 2, err
        assert all(("simulated" in each) == simulated for each in page)
    _, out, err = run_command("events", "--account", "acc", env=service_env)
    assert "version" in out, err
    assert ("it is 2017-03-31 12:0" in out) == simulated
    assert ("simulated" in out) == simulated


@pytest.mark.usefixtures("owner")
def test_the_first_request_of_a_process_measures_the_clock_itself(database: TestDatabase) -> None:
    """No event is taken for one with real times, even if nothing has measured the clock yet."""
    queries = Queries(Database(database.service_url))
    queries.start()
    try:
        model = asyncio.run(response_class(DatabaseClock(), queries))
    finally:
        queries.stop()
    assert model is SimulatedEventResponse


@pytest.mark.usefixtures("owner")
def test_the_demos_dead_letters_say_that_their_times_are_simulated(
    database: TestDatabase, topics: str
) -> None:
    """One is parked, and one is the rejection of a payment that waited."""
    settings = settings_for(database, topics)
    sender = Sender(topics)
    sender.send_raw(SUBMITTED, b"acc-1", b"not json")
    sender.flush()
    with consuming(settings):
        wait_for_messages(database, 1)
    with settings.service_database.connect() as connection:
        record(connection, [payment("acc-2", "p-1", 100, "EUR")])
        record(connection, [opening("acc-2")])
    with publishing(settings):
        wait_until(lambda: len(read_topic(topics, f"{SUBMITTED}.dlq")) == 2)
    dead = read_topic(topics, f"{SUBMITTED}.dlq")
    assert {each.header("dlq_reason") for each in dead} == {"not_json", "currency_mismatch"}
    assert [each.header("simulated") for each in dead] == ["true", "true"]

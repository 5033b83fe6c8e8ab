"""Migrations: applied once, in order, by one at a time; a changed or unknown one is refused."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from harness.histories import (
    BEGIN,
    clearing,
    opened,
    operator_status,
    purchase,
    record,
    refund,
    reversal,
    team_status,
)
from harness.postgres import PostgresServer, TestDatabase
from harness.processes import run_command
from txplatform.database import Database
from txplatform.domain.commands.outcome import Command
from txplatform.domain.ids import AccountId
from txplatform.eventstore.migrations import MigrationError, migrate, shipped_migrations
from txplatform.projections.directory import DIRECTORY, get_account
from txplatform.projections.runner import project_batch
from txplatform.projections.transactions import TRANSACTIONS

ALL = [migration.name for migration in shipped_migrations()]


@pytest.fixture
def empty(postgres: PostgresServer) -> Iterator[TestDatabase]:
    """A database without a schema."""
    database = postgres.empty_database()
    yield database
    postgres.drop(database)


def test_they_are_applied_once_in_order(empty: TestDatabase) -> None:
    """A second run has nothing to do."""
    assert migrate(empty.owner_url, empty.service_url) == ALL
    assert migrate(empty.owner_url, empty.service_url) == []


def test_several_at_once_apply_each_once(empty: TestDatabase) -> None:
    """The others wait, and find it done."""
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: migrate(empty.owner_url, empty.service_url), range(4)))
    assert sorted(done) == [[], [], [], ALL]


def test_a_changed_migration_is_refused(database: TestDatabase) -> None:
    """Named, with nothing touched."""
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        connection.execute(
            "UPDATE schema_migrations SET sha256 = 'other' WHERE name = %s", (ALL[0],)
        )
    with pytest.raises(MigrationError, match=ALL[0]):
        migrate(database.owner_url)


def test_an_unknown_migration_is_refused(database: TestDatabase) -> None:
    """A newer version has been here."""
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        connection.execute("INSERT INTO schema_migrations VALUES ('9999_future', 'x')")
    with pytest.raises(MigrationError, match="9999_future"):
        migrate(database.owner_url)


def test_the_directory_s_statuses_are_those_of_the_events_it_has_read(empty: TestDatabase) -> None:
    """Migration 0009 gives it columns for what it has passed over; the rest it folds itself."""
    _migrate_up_to(empty, "0008")
    histories: dict[str, list[Command]] = {
        "a": [operator_status("a", "s1", "closed"), team_status("a", 2, "active")],
        "b": [
            operator_status("b", "s1", "frozen"),
            operator_status("b", "s2", "active"),
            team_status("b", 1, "frozen"),
            team_status("b", 3, "closed"),
            team_status("b", 4, "active"),
        ],
        "c": [],
    }
    with Database(empty.owner_url).connect() as connection:
        for name, commands in histories.items():
            record(connection, commands)
            connection.execute(
                "INSERT INTO account_directory VALUES (%s, 9, 'active', 'USD', 0, 0, 0, 0, %s, %s)",
                (name, BEGIN, BEGIN),
            )
        connection.execute(
            "UPDATE projection_positions SET position = (SELECT max(position) FROM events)"
            " WHERE name = 'directory'"
        )
        record(connection, [operator_status("c", "s1", "frozen")])
        migrate(empty.owner_url)
        assert _statuses(connection) == {
            "a": ("closed", "closed", "active"),
            "b": ("closed", "active", "closed"),
            "c": ("active", "active", "active"),
        }
        project_batch(connection, DIRECTORY)
        assert _statuses(connection)["c"] == ("frozen", "frozen", "active")


def test_the_list_of_transactions_is_given_those_it_has_passed_over(empty: TestDatabase) -> None:
    """Migration 0010 adds what was never authorized; the rest it folds itself."""
    _migrate_up_to(empty, "0009")
    decided: list[Command] = [
        opened("a"),
        purchase("a", "held", 10),
        purchase("a", "paid", 20),
        clearing("a", "paid", "c1", 20),
        clearing("a", "late", "c2", 5),
        purchase("a", "late", 6),
    ]
    named: list[Command] = [
        clearing("a", "force", "c3", 7),
        refund("a", None, "f", 1),
        reversal("b", "gone", "r1"),
        reversal("b", "gone", "r2"),
    ]
    with Database(empty.owner_url).connect() as connection:
        record(connection, decided)
        connection.execute(
            "INSERT INTO transactions SELECT 'a', id, version, version, 'e', 'approved', '00',"
            " NULL, '[]', 1, 'USD', 'm', 'm', '5942', 'USA', NULL, NULL, NULL, now(), 'r', 1, 0, 1"
            " FROM (VALUES ('held', 2), ('paid', 3), ('late', 7)) AS d (id, version)"
        )
        record(connection, named)
        connection.execute(
            "UPDATE projection_positions SET position = (SELECT max(position) FROM events)"
            " WHERE name = 'transactions'"
        )
        record(connection, [clearing("b", "new", "c", 1), opened("b")])
        migrate(empty.owner_url)
        assert _undecided(connection) == [("a", "force", 9), ("b", "gone", 2)]
        project_batch(connection, TRANSACTIONS)
        assert _undecided(connection) == [("a", "force", 9), ("b", "gone", 2), ("b", "new", 7)]


def _undecided(connection: psycopg.Connection) -> list[tuple[str, str, int]]:
    return connection.execute(
        "SELECT account_id, transaction_id, account_version FROM transactions"
        " WHERE decision IS NULL ORDER BY 1, 2"
    ).fetchall()


def _migrate_up_to(database: TestDatabase, number: str) -> None:
    """The schema as an older version left it."""
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE schema_migrations (name text PRIMARY KEY, sha256 text)")
        connection.execute("ALTER TABLE schema_migrations ADD applied_at timestamptz DEFAULT now()")
        for migration in shipped_migrations():
            if migration.name[: len(number)] <= number:
                connection.execute(migration.statements.encode())
                connection.execute(
                    "INSERT INTO schema_migrations VALUES (%s, %s)",
                    (migration.name, migration.sha256),
                )


def _statuses(connection: psycopg.Connection) -> dict[str, tuple[str | None, str, str]]:
    found = {}
    for name in ("a", "b", "c"):
        account = get_account(connection, AccountId(name))
        assert account is not None
        found[name] = account.status, account.operator_status, account.team_status
    return found


def test_the_service_s_role_owns_nothing_and_only_adds_to_the_log(database: TestDatabase) -> None:
    """SELECT and INSERT on events, no more."""
    with psycopg.connect(database.service_url) as connection:
        owned = connection.execute(
            "SELECT count(*) FROM pg_class WHERE relowner = current_user::regrole"
        ).fetchone()
        rights = connection.execute(
            "SELECT right_name, has_table_privilege('events', right_name)"
            " FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) right_name"
        ).fetchall()
    assert owned == (0,)
    assert {name for name, granted in rights if granted} == {"SELECT", "INSERT"}


def test_a_command_on_a_database_without_schema_says_what_to_do(empty: TestDatabase) -> None:
    """No traceback."""
    env = {"TXPLATFORM_DATABASE_URL": empty.owner_url}
    for words in (["keys", "list"], ["verify"], ["inbound", "list"], ["events", "--account", "a"]):
        code, _, err = run_command(*words, env=env)
        assert code == 1
        assert "txplatform migrate" in err, err
        assert "Traceback" not in err


def test_the_command_says_what_it_did(empty: TestDatabase) -> None:
    """And says so when there is nothing to do."""
    env = {
        "TXPLATFORM_DATABASE_URL": empty.service_url,
        "TXPLATFORM_MIGRATION_DATABASE_URL": empty.owner_url,
    }
    code, out, err = run_command("migrate", env=env)
    assert (code, out.split()[1::2]) == (0, ALL), err
    assert "nothing to apply" in run_command("migrate", env=env)[1]

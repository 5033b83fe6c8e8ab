"""Migrations are applied once and in order by one process; a changed or unknown one is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from harness.api import purchase, running_api
from harness.postgres import SERVICE_ROLE, PostgresServer, TestDatabase
from harness.processes import Command, run_command
from harness.waiting import wait_until
from txplatform.database import WrongEncodingError
from txplatform.demo.processes import free_port
from txplatform.eventstore import migrations
from txplatform.eventstore.migrations import (
    MigrationError,
    migrate,
    pending_migrations,
    shipped_migrations,
)

ALL = [migration.name for migration in shipped_migrations()]


@pytest.fixture
def empty(postgres: PostgresServer) -> Iterator[TestDatabase]:
    """Return a database without a schema."""
    database = postgres.empty_database()
    yield database
    postgres.drop(database)


@pytest.fixture
def windows(postgres: PostgresServer) -> Iterator[TestDatabase]:
    """A migrated database that is not UTF8: `migrate` refuses it, but a backup can be restored."""
    source, target = postgres.new_database(), postgres.empty_database(encoding="WIN1252")
    postgres.copy(source, target)
    yield target
    postgres.drop(source)
    postgres.drop(target)


def test_migrations_are_applied_once_in_order(empty: TestDatabase) -> None:
    """A second run applies nothing."""
    assert migrate(empty.owner_url, empty.service_url) == ALL
    assert migrate(empty.owner_url, empty.service_url) == []


def test_concurrent_runs_apply_each_migration_once(empty: TestDatabase) -> None:
    """One run applies them; the other runs wait and then apply nothing."""
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: migrate(empty.owner_url, empty.service_url), range(4)))
    assert sorted(done) == [[], [], [], ALL]


def test_a_changed_migration_is_refused(database: TestDatabase) -> None:
    """The error names it, and nothing is changed."""
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        connection.execute(
            "UPDATE schema_migrations SET sha256 = 'other' WHERE name = %s", (ALL[0],)
        )
    with pytest.raises(MigrationError, match=ALL[0]):
        migrate(database.owner_url)


def test_an_unknown_migration_is_refused_unless_it_says_that_this_version_works_on(
    database: TestDatabase,
) -> None:
    """A newer version applied it."""
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        connection.execute("INSERT INTO schema_migrations VALUES ('9999_future', 'x')")
        with pytest.raises(MigrationError, match="9999_future"):
            migrate(database.owner_url)
        connection.execute("DELETE FROM schema_migrations WHERE sha256 = 'x'")
        connection.execute("INSERT INTO compatible_migrations VALUES ('9999_future', 'x')")
    assert migrate(database.owner_url) == []


def test_only_the_version_before_is_compatible_with_a_schema(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Processes of the version before that one end their readiness."""

    def compatible() -> list[str]:
        with psycopg.connect(database.owner_url) as connection:
            rows = connection.execute("SELECT name FROM compatible_migrations ORDER BY name")
            return [name for (name,) in rows.fetchall()]

    new = compatible()
    assert new == [name for name in ALL if name >= migrations.FIRST_OF_THIS_VERSION]
    monkeypatch.setattr(migrations, "FIRST_OF_THIS_VERSION", new[-1])
    assert migrate(database.owner_url) == []
    assert compatible() == new[-1:]
    monkeypatch.setattr(
        migrations,
        "shipped_migrations",
        lambda: [each for each in shipped_migrations() if each.name < new[0]],
    )
    with (
        psycopg.connect(database.owner_url) as connection,
        pytest.raises(MigrationError, match=new[0]),
    ):
        pending_migrations(connection)


@pytest.mark.parametrize(
    ("other", "name"),
    [("TABLE events (id int)", "events"), ("VIEW payments AS SELECT 1", "payments")],
)
def test_a_schema_with_objects_of_another_application_is_refused(
    empty: TestDatabase, other: str, name: str
) -> None:
    with psycopg.connect(empty.owner_url, autocommit=True) as connection:
        connection.execute(f"CREATE {other}".encode())
    code, out, err = run_command("migrate", env={"TXPLATFORM_DATABASE_URL": empty.owner_url})
    assert (code, out) == (1, "")
    assert f'relation "{name}" already exists' in err
    assert "Use a database, or a schema, without other tables" in err
    assert "Traceback" not in err


def test_a_closed_schema_is_opened_to_the_service(empty: TestDatabase) -> None:
    """An administrator may take the rights on `public` from everybody."""
    with psycopg.connect(empty.owner_url, autocommit=True) as connection:
        connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    migrate(empty.owner_url, empty.service_url)
    with psycopg.connect(empty.service_url) as connection:
        assert pending_migrations(connection) == []


def test_an_old_api_stays_ready_only_while_it_understands_the_newer_schema(
    database: TestDatabase,
) -> None:
    env = {"TXPLATFORM_DATABASE_URL": database.service_url}
    with running_api(env) as api:

        def readiness() -> int:
            return api.client.get("/readyz").status_code

        assert readiness() == 200
        with psycopg.connect(database.owner_url, autocommit=True) as connection:
            connection.execute("INSERT INTO compatible_migrations VALUES ('9998_additive', 'x')")
            assert pending_migrations(connection) == []
            assert readiness() == 200
            connection.execute("INSERT INTO schema_migrations VALUES ('9999_breaking', 'x')")
            wait_until(lambda: readiness() == 503, message="the end of readiness")
            assert "9999_breaking" in api.client.get("/readyz").text


def test_a_database_that_cannot_store_every_character_is_refused(windows: TestDatabase) -> None:
    with pytest.raises(WrongEncodingError, match="encoding WIN1252"):
        migrate(windows.owner_url)
    code, out, _ = run_command("doctor", env={"TXPLATFORM_DATABASE_URL": windows.service_url})
    assert code == 1
    assert "The database cannot be used: the database has the encoding WIN1252" in out


def test_processes_on_such_a_database_are_not_ready_and_say_why(windows: TestDatabase) -> None:
    """They refuse the database as a whole, instead of one message after another."""
    port = str(free_port())
    env = {
        "TXPLATFORM_DATABASE_URL": windows.service_url,
        "TXPLATFORM_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "TXPLATFORM_HEALTH_PORT": port,
    }
    with Command("worker", env=env) as worker, running_api(env) as api:
        worker.wait_ready()

        def parts() -> dict[str, Any] | None:
            probe = httpx.get(f"http://127.0.0.1:{port}/readyz")
            found: dict[str, Any] = probe.json()["parts"]
            said = all("encoding WIN1252" in part["detail"] for part in found.values())
            return found if probe.status_code == 503 and said else None

        found = wait_until(parts, message="all parts to say why")
        assert found
        assert not any(part["ready"] for part in found.values())
        probe = api.client.get("/readyz")
        assert probe.status_code == 503
        assert "encoding WIN1252" in probe.json()["detail"]
        answer = api.client.post("/v1/process-transaction", json=purchase("t", "acc", 1))
        assert answer.status_code == 503


def test_a_database_of_another_schema_is_refused_with_a_next_step(empty: TestDatabase) -> None:
    """Before the release, migrations had other names."""
    with psycopg.connect(empty.owner_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE schema_migrations (name text PRIMARY KEY, sha256 text)")
        connection.execute(
            "INSERT INTO schema_migrations VALUES (%s, 'other'), ('0009_of_before', 'x')", (ALL[0],)
        )
    env = {"TXPLATFORM_DATABASE_URL": empty.owner_url}
    code, out, err = run_command("migrate", env=env)
    assert (code, out) == (1, "")
    assert "0009_of_before" in err
    assert "use an empty database, or `txplatform demo --fresh`" in err
    assert "Traceback" not in err
    code, out, _ = run_command("doctor", env=env)
    assert code == 1
    assert "0009_of_before" in out
    assert "use an empty database" in out
    with psycopg.connect(empty.owner_url) as connection:
        tables = connection.execute("SELECT relname FROM pg_class WHERE relkind = 'r'").fetchall()
    assert ("events",) not in tables


def test_the_services_role_owns_nothing_and_can_only_append_to_the_log(
    database: TestDatabase,
) -> None:
    """It appends by a function, so it cannot choose an event's position or time."""
    with psycopg.connect(database.service_url) as connection:
        owned = connection.execute(
            "SELECT count(*) FROM pg_class WHERE relowner = current_user::regrole"
        ).fetchone()
        rights = connection.execute(
            "SELECT right_name, has_table_privilege('events', right_name)"
            " FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) right_name"
        ).fetchall()
    assert owned == (0,)
    assert {name for name, granted in rights if granted} == {"SELECT"}


def test_an_owner_that_may_not_create_roles_is_told_what_an_administrator_has_to_execute() -> None:
    """After that, it migrates, once and again."""
    with PostgresServer(template=False) as server:
        url, service = server.login("plain_owner", "plain"), server.login(SERVICE_ROLE, "plain")
        with psycopg.connect(server.login("postgres", "postgres"), autocommit=True) as connection:
            connection.execute("CREATE ROLE plain_owner LOGIN")
            connection.execute(f"CREATE ROLE {SERVICE_ROLE} LOGIN")
            connection.execute("CREATE DATABASE plain OWNER plain_owner")
            for _ in range(2):
                with pytest.raises(MigrationError) as refused:
                    migrate(url, service)
                named = re.search("`((?:CREATE|GRANT) [^`]+)`", str(refused.value))
                assert named
                connection.execute(named[1])
        assert migrate(url, service) == []
        with psycopg.connect(service) as connection:
            assert connection.execute("SELECT count(*) FROM events").fetchone() == (0,)


def test_a_backup_that_was_restored_without_privileges_gets_them_from_migrate(
    postgres: PostgresServer, database: TestDatabase, empty: TestDatabase
) -> None:
    postgres.copy(database, empty, "--no-privileges")
    with psycopg.connect(empty.service_url) as connection, pytest.raises(InsufficientPrivilege):
        connection.execute("SELECT FROM events")
    assert migrate(empty.owner_url, empty.service_url) == []
    rights = (
        "SELECT relname, relacl::text FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        " AND relkind IN ('r', 'p', 'S') AND relacl IS NOT NULL ORDER BY 1"
    )
    functions = (
        "SELECT proname, proacl::text, proconfig FROM pg_proc"
        " WHERE pronamespace = 'public'::regnamespace ORDER BY 1"
    )
    columns = (
        "SELECT relname, attname, attacl::text FROM pg_attribute"
        " JOIN pg_class ON pg_class.oid = attrelid WHERE attacl IS NOT NULL ORDER BY 1, 2"
    )
    for query in (rights, columns, functions):
        found = []
        for each in (database, empty):
            with psycopg.connect(each.owner_url) as connection:
                found.append(connection.execute(query).fetchall())
        assert found[0]
        assert found[0] == found[1]


def test_a_command_on_a_database_without_schema_prints_a_next_step(empty: TestDatabase) -> None:
    """It prints no traceback."""
    env = {"TXPLATFORM_DATABASE_URL": empty.owner_url}
    for words in (["keys", "list"], ["verify"], ["inbound", "list"], ["events", "--account", "a"]):
        code, _, err = run_command(*words, env=env)
        assert code == 1
        assert "txplatform migrate" in err, err
        assert "Traceback" not in err


@pytest.mark.parametrize("program", ["txplatform", "txbank"])
def test_the_version_is_printed(program: str) -> None:
    assert run_command("--version", env={}, program=program) == (0, f"{program} 0.2.0\n", "")


def test_a_role_without_rights_is_told_what_it_lacks_and_what_to_do(
    postgres: PostgresServer, database: TestDatabase
) -> None:
    role = f"stranger_{database.name}"
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN")
    url = postgres.login(role, database.name)
    for words in (["keys", "list"], ["migrate"], ["events", "--account", "a"]):
        code, _, err = run_command(*words, env={"TXPLATFORM_DATABASE_URL": url})
        assert (code, "permission denied" in err) == (1, True), err
        assert "Traceback" not in err


def test_the_migrate_command_lists_applied_migrations(empty: TestDatabase) -> None:
    """It also says if there are none."""
    env = {
        "TXPLATFORM_DATABASE_URL": empty.service_url,
        "TXPLATFORM_MIGRATION_DATABASE_URL": empty.owner_url,
    }
    code, out, err = run_command("migrate", env=env)
    assert (code, out.split()[1::2]) == (0, ALL), err
    assert "nothing to apply" in run_command("migrate", env=env)[1]

"""Settings of the role or the database do not change what the service writes and reads."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from harness.inbound import execute
from harness.postgres import PostgresServer, TestDatabase
from harness.waiting import wait_until
from txplatform.database import Database
from txplatform.eventstore.migrations import migrate
from txplatform.eventstore.statements import APPEND, LOCK_LOG

ODD = (
    "timezone = 'Asia/Kathmandu'",
    "datestyle = 'German, DMY'",
    "client_encoding = 'LATIN1'",
    "bytea_output = 'escape'",
    "array_nulls = off",
    "default_transaction_isolation = 'repeatable read'",
)


@pytest.fixture
def odd(database: TestDatabase) -> TestDatabase:
    """A database whose sessions start with unusual settings."""
    for setting in ODD:
        execute(database, f"ALTER DATABASE {database.name} SET {setting}")
    return database


def test_times_texts_bytes_and_nulls_are_read_as_they_were_written(odd: TestDatabase) -> None:
    values = (
        datetime(2026, 11, 21, 12, 30, tzinfo=UTC),
        "Łódź ☃",
        b"\x00\\x\xff",
        ["acc", None],
    )
    with Database(odd.service_url).connect() as connection:
        row = connection.execute("SELECT %s::timestamptz, %s, %s, %s::text[]", values).fetchone()
    assert row == values


@pytest.mark.parametrize(
    ("given", "used"),
    [("off", "on"), ("local", "on"), ("remote_write", "on"), ("remote_apply", "remote_apply")],
)
def test_a_commit_waits_for_the_disk_or_for_more(
    database: TestDatabase, given: str, used: str
) -> None:
    execute(database, f"ALTER DATABASE {database.name} SET synchronous_commit = {given}")
    with Database(database.service_url).connect() as connection:
        assert connection.execute("SHOW synchronous_commit").fetchone() == (used,)


def test_an_append_that_waited_for_the_log_lock_reports_a_conflict_and_no_error(
    odd: TestDatabase,
) -> None:
    database = Database(odd.service_url)
    event = (["account-acc"], [1], ["opening:acc"], ["t"], [b"{}"], [None], [0], [None], [None])
    waiting = (
        "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database"
        " WHERE locktype = 'advisory' AND NOT granted AND d.datname = current_database()"
    )
    with (
        database.connect() as first,
        database.connect() as second,
        ThreadPoolExecutor(1) as other,
    ):
        with first.transaction():
            first.execute(LOCK_LOG)
            appended = other.submit(lambda: second.execute(APPEND, event).fetchone())
            wait_until(lambda: execute(odd, waiting) == [(1,)], message="the other to wait")
            assert first.execute(APPEND, event).fetchone() == ([],)
        assert appended.result() == (["account-acc"],)


def test_migrations_do_not_depend_on_the_client_encoding(postgres: PostgresServer) -> None:
    """In a database with the C locale, the server does not convert text."""
    empty = postgres.empty_database()
    execute(empty, f"ALTER DATABASE {empty.name} SET client_encoding = 'SQL_ASCII'")
    assert migrate(empty.owner_url, empty.service_url)
    assert migrate(empty.owner_url, empty.service_url) == []
    postgres.drop(empty)


def test_the_url_and_libpqs_variables_win_over_the_defaults(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A default is used where the user has said nothing."""
    monkeypatch.delenv("PGAPPNAME", raising=False)
    monkeypatch.setenv("PGCONNECT_TIMEOUT", "17")
    url = f"{database.service_url}?options=-csearch_path%3Dpay&keepalives_idle=11&connect_timeout="
    with Database(f"{url}23").connect() as connection:
        found = connection.info.get_parameters()
        path = connection.execute("SHOW search_path").fetchone()
    assert path == ("pay",)
    assert (found["connect_timeout"], found["keepalives_idle"]) == ("23", "11")
    assert (found["keepalives_count"], found["application_name"]) == ("3", "txplatform")
    with Database(database.service_url).connect() as connection:
        assert connection.info.get_parameters()["connect_timeout"] == "17"
    monkeypatch.setenv("PGAPPNAME", "blue")
    with Database(database.service_url).connect() as connection:
        assert connection.execute("SHOW application_name").fetchone() == ("blue",)


def test_two_installations_in_one_database_have_schemas_of_their_own(
    postgres: PostgresServer,
) -> None:
    empty = postgres.empty_database()
    for name in ("blue", "green"):
        execute(empty, f"CREATE SCHEMA {name}")
        execute(empty, f"GRANT USAGE ON SCHEMA {name} TO PUBLIC")
        owner, service = (
            f"{url}?options=-csearch_path%3D{name}" for url in (empty.owner_url, empty.service_url)
        )
        assert migrate(owner, service)
        assert migrate(owner, service) == []
        with Database(service).connect() as connection:
            assert connection.execute("SELECT count(*) FROM events").fetchone() == (0,)
    postgres.drop(empty)


_WITHOUT_FILES = """
import os, resource, sys
from txplatform.database import Database
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
database = Database(sys.argv[1])
database.connect().close()
files = []
try:
    while True:
        files.append(os.open(os.devnull, os.O_RDONLY))
except OSError:
    pass
for _ in range(int(sys.argv[2])):
    os.close(files.pop())
try:
    database.connect()
except Exception as error:
    print(f"{type(error).__name__}: {error}")
"""


@pytest.mark.parametrize("free", [0, 1])
def test_a_process_without_free_files_says_so(database: TestDatabase, free: int) -> None:
    """libpq lacks words for that, and psycopg lacks the kind of error for which a part waits."""
    command = [sys.executable, "-c", _WITHOUT_FILES, database.service_url, str(free)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert said == "OperationalError: cannot connect: Too many open files\n"

"""The log in PostgreSQL: conflicts, order, append-only, and the eventsourcing library."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import count

import psycopg
import pytest

from harness.commands import ORIGIN, clearing, opening, payment, purchase
from harness.histories import read_whole_log, record, store_snapshot, stored_account
from harness.postgres import TestDatabase
from txplatform.binary_arrays import register_binary_arrays
from txplatform.database import Database
from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.advices import Payment
from txplatform.domain.events import AccountEvent
from txplatform.domain.ids import AccountId, account_stream
from txplatform.domain.requests import Opening
from txplatform.eventstore.accounts import Accounts
from txplatform.eventstore.log import read_log
from txplatform.eventstore.mapper import UnknownEventError, decode_event, encode_event
from txplatform.eventstore.snapshot import account_state
from txplatform.eventstore.statements import APPEND, append_parameters
from txplatform.processing.unit_of_work import UnitOfWork

NOW = datetime(2026, 11, 20, 10, 15, tzinfo=UTC)
IDS = count()
STAMP = DecisionContext(NOW, lambda: f"event-{next(IDS)}", ORIGIN)


def decided(*commands: Opening | Payment, on: Account | None = None) -> list[AccountEvent]:
    """Return the events of these commands on a new account or on this one."""
    work = UnitOfWork()
    if on is not None:
        work.accounts[on.id] = on
    for command in commands:
        work.execute(account_stream(command.account_id), command, STAMP)
    return work.collect()


def append_on(connection: psycopg.Connection, events: list[AccountEvent]) -> set[str]:
    """Append in the connection's transaction and return the streams with a conflict."""
    row = connection.execute(APPEND, append_parameters(events)).fetchone()
    assert row is not None
    return set(row[0])


def append(database: TestDatabase, events: list[AccountEvent]) -> set[str]:
    """Append in a separate transaction and return the streams with a conflict."""
    with Database(database.service_url).connect() as connection:
        return append_on(connection, events)


def test_i7_an_accounts_events_are_appended_all_or_none_and_others_are_not_affected(
    database: TestDatabase,
) -> None:
    """An account with a conflict is left out of the commit."""
    append(database, decided(opening("a", 1000)))
    conflicting = decided(opening("a", 1000), payment("a", "p", 10))
    assert append(
        database, [*conflicting, *decided(opening("b", 1000), payment("b", "p", 10))]
    ) == {"account-a"}
    assert stored_account(database, "a").version == 1
    assert stored_account(database, "b").version == 2


def test_i7_events_are_appended_only_right_after_their_previous_version(
    database: TestDatabase,
) -> None:
    """A gap is a conflict."""
    append(database, decided(opening("a", 1000)))
    account = stored_account(database, "a")
    skipped, kept = decided(payment("a", "p", 10), payment("a", "q", 10), on=account)
    assert append(database, [kept]) == {"account-a"}
    assert append(database, [skipped, kept]) == set()


def test_i3_a_business_key_can_be_used_once(database: TestDatabase) -> None:
    """A second use conflicts even if the version is free."""
    append(database, decided(opening("a", 1000), payment("a", "p", 10)))
    account = stored_account(database, "a")
    assert append(database, decided(payment("a", "p", 10), on=account)) == {"account-a"}
    assert append(database, decided(opening("b", 1000), payment("b", "p", 10))) == set()


def test_the_library_loads_accounts(database: TestDatabase) -> None:
    """It loads them at any version, with and without an earlier snapshot."""
    append(database, decided(opening("a", 1000), payment("a", "p", 5), payment("a", "q", 7)))
    with Database(database.service_url).connect() as connection:
        accounts = Accounts(connection)
        second, replayed = (
            accounts.account(AccountId("a"), version=version) for version in (2, None)
        )
        assert (second.posted, replayed.posted) == (-5, -12)
        for account in (second, replayed):
            store_snapshot(connection, account)
        assert account_state(accounts.account(AccountId("a"))) == account_state(replayed)
        before = accounts.account(AccountId("a"), version=2)
        assert account_state(before) == account_state(second)


@pytest.mark.parametrize("statement", ["UPDATE events SET topic = ''", "DELETE FROM events"])
@pytest.mark.parametrize("role", ["owner", "service"])
def test_i7_the_log_cannot_be_changed(database: TestDatabase, statement: str, role: str) -> None:
    """The service lacks the right, and the owner cannot do it by accident."""
    append(database, decided(opening("a", 1000)))
    url = database.owner_url if role == "owner" else database.service_url
    with (
        psycopg.connect(url, autocommit=True) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement.encode())


@pytest.mark.parametrize(
    "statement",
    [
        (
            "INSERT INTO events (originator_id, originator_version, event_key, topic, state,"
            " pending_change) VALUES ('account-b', 1, 'opening:b', 'account-opened', '{}', 0)"
        ),
        "UPDATE events SET topic = ''",
        "DELETE FROM events",
        "TRUNCATE events",
        "COPY events (originator_id) FROM STDIN",
        "ALTER TABLE events DISABLE TRIGGER USER",
        "ALTER FUNCTION append_events SECURITY INVOKER",
    ],
)
def test_i7_the_service_can_append_only_by_the_function(
    service: psycopg.Connection, statement: str
) -> None:
    """So it can choose neither the position nor the time of an event."""
    assert append_on(service, decided(opening("a", 1000))) == set()
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        service.execute(statement.encode())
    assert append_on(service, decided(opening("c", 1000))) == set()
    assert [each.event.originator_id for each in read_whole_log(service)] == [
        "account-a",
        "account-c",
    ]


def test_i7_a_role_without_the_service_s_rights_cannot_append(database: TestDatabase) -> None:
    """Postgres lets every role execute a new function, so the migration revokes that."""
    with psycopg.connect(database.owner_url) as owner:
        register_binary_arrays(owner.adapters)
        owner.execute("CREATE ROLE other_service")
        try:
            owner.execute("SET ROLE other_service")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                append_on(owner, decided(opening("a", 1000)))
        finally:
            owner.rollback()  # drops the role, which belongs to the whole server


@pytest.mark.parametrize("path", ["", "SET search_path = pg_temp, public"])
def test_i7_a_temporary_table_of_the_caller_does_not_catch_the_append(
    service: psycopg.Connection, path: str
) -> None:
    """Postgres searches temporary tables first, unless a function has its own search path."""
    service.execute("CREATE TEMPORARY TABLE events (LIKE public.events)")
    if path:
        service.execute(path.encode())
    assert append_on(service, decided(opening("a", 1000), payment("a", "p", 10))) == set()
    assert append_on(service, decided(opening("a", 1000))) == {"account-a"}
    assert service.execute("SELECT count(*) FROM pg_temp.events").fetchone() == (0,)
    assert service.execute("SELECT count(*) FROM public.events").fetchone() == (2,)


def test_i7_the_function_that_appends_cannot_be_replaced_for_one_session(
    service: psycopg.Connection,
) -> None:
    """Temporary functions are never found by their plain name."""
    service.execute(
        "CREATE FUNCTION pg_temp.append_events(text[], bigint[], text[], text[], bytea[], text[],"
        " bigint[], bigint[], timestamptz[]) RETURNS text[] LANGUAGE sql"
        " AS $$ SELECT '{}'::text[] $$"
    )
    assert append_on(service, decided(opening("a", 1000))) == set()
    assert len([*read_whole_log(service)]) == 1


def test_the_columns_of_the_log_have_what_the_events_state(service: psycopg.Connection) -> None:
    """The read models copy the change of the amount on hold and the time of its expiry."""
    record(service, [opening("a"), purchase("a", "t", 30), clearing("a", "t", "c", 20)])
    columns = (
        "SELECT transaction_id, pending_change, posted_change, expires_at"
        " FROM events ORDER BY position"
    )
    assert service.execute(columns.encode()).fetchall() == [
        (
            each.event.transaction_id,
            each.event.pending_change,
            each.event.posted_change or None,
            each.event.hold_expires_at,
        )
        for each in read_whole_log(service)
    ]
    sums = f"SELECT sum(pending_change), sum(posted_change) FROM ({columns}) e"
    assert service.execute(sums.encode()).fetchone() == (0, 20)


def test_i3_one_key_twice_in_one_append_is_an_error(service: psycopg.Connection) -> None:
    """The unit of work never sends this, so it must not look like an append without conflicts."""
    first, second = decided(opening("a", 1000), payment("a", "p", 10))
    columns = append_parameters([first, second])
    same_keys = [first.key, first.key]
    with pytest.raises(psycopg.errors.UniqueViolation):
        service.execute(APPEND, (*columns[:2], same_keys, *columns[3:]))
    assert [*read_whole_log(service)] == []


def test_i5_a_reader_never_skips_a_position_that_commits_late(database: TestDatabase) -> None:
    """While several writers append, the events before a read position stay the same."""
    writers, rounds = 6, 40
    done = threading.Event()

    def write(number: int) -> None:
        with psycopg.connect(database.service_url) as connection:
            register_binary_arrays(connection.adapters)
            for each in range(rounds):
                name = f"w{number}-{each}"
                append_on(connection, decided(opening(name, 1000), payment(name, "p", 10)))
                connection.commit()

    def read() -> list[int]:
        seen: list[int] = []
        with Database(database.service_url).connect() as connection:
            while True:
                last = done.is_set()
                seen += [each.position for each in read_log(connection, seen[-1] if seen else 0)]
                if last and not read_log(connection, seen[-1] if seen else 0):
                    return seen

    with ThreadPoolExecutor(writers + 2) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        for writing in [pool.submit(write, number) for number in range(writers)]:
            writing.result()
        done.set()
        with Database(database.service_url).connect() as connection:
            all_positions = [each.position for each in read_whole_log(connection)]
        assert len(all_positions) == 2 * writers * rounds
        for reader in readers:
            assert reader.result() == all_positions


def test_i8_a_frozen_transaction_that_holds_the_lock_is_ended(database: TestDatabase) -> None:
    """The server ends a silent client, so the next append succeeds."""
    frozen = Database(database.service_url, idle_in_transaction_timeout_s=1)
    connection = frozen.connect(autocommit=False)
    append_on(connection, decided(opening("frozen", 1000)))
    assert append(database, decided(opening("other", 1000))) == set()
    with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
        connection.execute("COMMIT")
    connection.close()
    assert not stored_account(database, "frozen").opened
    assert stored_account(database, "other").opened


def test_an_event_of_a_newer_version_is_an_error_with_a_next_step() -> None:
    with pytest.raises(UnknownEventError, match="newer"):
        decode_event("account-a", 1, "account-teleported", b"{}")


def test_an_event_with_nested_fields_and_times_is_equal_after_it_was_stored() -> None:
    for event in decided(opening("a", 1000), payment("a", "p", 10)):
        again = decode_event(
            event.originator_id, event.originator_version, event.TOPIC, encode_event(event)
        )
        assert again == event

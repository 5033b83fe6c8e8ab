"""`verify` compares all derived data with a replay of the log, and reports tampering."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.commands import (
    NOW,
    clearing,
    correction,
    expiry,
    increment,
    limit_change,
    opening,
    operator_status,
    payment,
    payment_return,
    purchase,
    refund,
    reversal,
    team_status,
)
from harness.histories import read_whole_log, record, store_snapshot
from harness.inbound import execute
from harness.postgres import TestDatabase
from harness.processes import run_command
from harness.read_models import catch_up, transaction_rows
from harness.verification import differences, empty_log, tampering
from txplatform.audit.totals import EventSums, event_sums
from txplatform.audit.verify import verify
from txplatform.database import Database
from txplatform.domain.account import Account
from txplatform.domain.commands import Command
from txplatform.domain.ids import AccountId
from txplatform.eventstore.accounts import Accounts
from txplatform.eventstore.log import last_position
from txplatform.eventstore.snapshot import account_state
from txplatform.projections import PROJECTIONS
from txplatform.projections.projection import Projection
from txplatform.projections.snapshots import retake_snapshots


def row_count(connection: psycopg.Connection, table: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
    assert row is not None
    return int(row[0])


def three_accounts(database: TestDatabase, connection: psycopg.Connection) -> None:
    """Accounts a, b and c with the same history of 8 events, projected and snapshotted."""
    for name in ("a", "b", "c"):
        record(connection, [payment(name, "early", 10)])
        record(connection, [opening(name, 100)])  # versions 2 and 3: the payment is applied
        record(connection, [purchase(name, "t1", 60), purchase(name, "t2", 60)])  # 4 and 5
        record(
            connection, [limit_change(name, 1, 500), payment_return(name, "early", 10)]
        )  # 6 and 7
        record(connection, [purchase(name, "t3", 100)])  # 8
    catch_up(connection)
    retake_snapshots(Database(database.owner_url), every=2)


def test_an_untouched_database_is_compared_completely_and_has_no_differences(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    three_accounts(database, service)
    result = verify(Database(database.service_url))
    assert result.passed, result.differences.kept
    assert (result.accounts, result.events) == (3, 24)
    assert result.compared == {
        "snapshot": 3,
        **{each.name: row_count(service, each.table) for each in PROJECTIONS},
        "sums": 3,
        "re-evaluated decisions": 9,
    }
    assert result.compared["transactions"] == 9


def test_an_empty_log_has_no_differences(database: TestDatabase) -> None:
    assert verify(Database(database.service_url)).passed


def test_a_read_model_that_lags_is_compared_with_the_log_at_its_own_checkpoint(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    """A wrong row is reported even if the read model lags."""
    three_accounts(database, service)
    record(service, [purchase("b", "t4", 1), payment("b", "p", 3)])
    record(service, [opening("d")])
    assert differences(database) == []
    service.execute(
        "UPDATE transactions SET held = 0 WHERE account_id = 'b' AND transaction_id = 't1'"
    )
    assert differences(database) == [("b", 4, "transactions.held")]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            "UPDATE transactions SET held = 61 WHERE account_id = 'b' AND transaction_id = 't1'",
            {("b", 4, "transactions.held")},
        ),
        (
            "UPDATE transactions SET expires_at = NULL WHERE account_id = 'b'",
            {("b", 4, "transactions.expires_at")},
        ),
        (
            (
                "UPDATE transactions SET recorded_at = now()"
                " WHERE account_id = 'b' AND transaction_id = 't1'"
            ),
            {("b", 4, "transactions.recorded_at")},
        ),
        (
            "INSERT INTO transactions VALUES (99, 1, NULL, now(), 'b', 't9')",
            {("b", 99, "transactions.extra_row")},
        ),
        (
            "INSERT INTO transactions VALUES (1, 1, NULL, now(), 'ghost', 't9')",
            {("ghost", 1, "transactions.extra_row")},
        ),
        (
            (
                "UPDATE transactions SET transaction_id = 't9'"
                " WHERE account_id = 'b' AND transaction_id = 't1'"
            ),
            {("b", 4, "transactions.transaction_id")},
        ),
        (
            "DELETE FROM transactions WHERE account_id = 'b' AND transaction_id = 't2'",
            {("b", 5, "transactions.missing_row")},
        ),
        (
            (
                "UPDATE transactions SET account_version = 99"
                " WHERE account_id = 'b' AND transaction_id = 't3'"
            ),
            {("b", 8, "transactions.missing_row"), ("b", 99, "transactions.extra_row")},
        ),
        (
            (
                "UPDATE snapshots SET state = replace(convert_from(state, 'UTF8'),"
                " '\"pending\":160', '\"pending\":0')::bytea WHERE originator_id = 'account-b'"
            ),
            {("b", 8, "snapshot.pending")},
        ),
        (
            "UPDATE snapshots SET state = 'no json' WHERE originator_id = 'account-b'",
            {("b", 8, "snapshot.state")},
        ),
        (
            "UPDATE snapshots SET originator_version = 9 WHERE originator_id = 'account-b'",
            {("b", 9, "snapshot.extra_row")},
        ),
        (
            (
                "UPDATE events SET event_key = 'authorization:t9'"
                " WHERE originator_id = 'account-b' AND originator_version = 4"
            ),
            {("b", 4, "event_key")},
        ),
        (
            (
                "UPDATE events SET pending_change = 61"
                " WHERE originator_id = 'account-b' AND originator_version = 4"
            ),
            {("b", 4, "pending_change")},
        ),
        (
            (
                "UPDATE events SET posted_change = 1"
                " WHERE originator_id = 'account-b' AND originator_version = 4"
            ),
            {("b", 4, "posted_change")},
        ),
        (
            (
                "UPDATE events SET expires_at = NULL"
                " WHERE originator_id = 'account-b' AND originator_version = 4"
            ),
            {("b", 4, "expires_at")},
        ),
        (
            (
                "ALTER TABLE events ALTER position SET GENERATED BY DEFAULT;"
                " UPDATE events SET position = -1"
                " WHERE originator_id = 'account-b' AND originator_version = 4"
            ),
            {("b", 4, "log position")},
        ),
        (
            "DELETE FROM events WHERE originator_id = 'account-b' AND originator_version = 4",
            {("b", 5, "version")},
        ),
        (
            "DELETE FROM events WHERE originator_id = 'account-b' AND originator_version = 1",
            {("b", 2, "version")},
        ),
        (
            (
                "UPDATE events SET state = 'no json'"
                " WHERE originator_id = 'account-b' AND originator_version = 4"
            ),
            {("b", 4, "state"), ("(all)", 0, "sums")},
        ),
        (
            (
                "UPDATE events SET topic = 'unheard-of'"
                " WHERE originator_id = 'account-b' AND originator_version = 4"
            ),
            {("b", 4, "state")},
        ),
        (
            "UPDATE events SET originator_id = 'b' WHERE originator_id = 'account-b'",
            {("b", 0, "originator_id")},
        ),
    ],
)
def test_i7_tampering_is_reported_by_account_version_and_field(
    database: TestDatabase,
    service: psycopg.Connection,
    change: str,
    expected: set[tuple[str, int, str]],
) -> None:
    """Other accounts have no differences."""
    three_accounts(database, service)
    with tampering(database) as owner:
        owner.execute(change.encode())
    found = set(differences(database))
    assert expected <= found
    assert {account for account, _, _ in found} == {account for account, _, _ in expected}


@pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda projection: projection.name)
def test_i1_missing_and_extra_rows_of_every_read_model_are_reported(
    database: TestDatabase, service: psycopg.Connection, projection: Projection
) -> None:
    three_accounts(database, service)
    for name in ("a", "b", "c"):
        record(service, [clearing(name, "t1", "c", 50, final=False), refund(name, "t1", "f", 5)])
        record(service, [correction(name, "t1", "x", "never", 5)])
    catch_up(service)
    assert differences(database) == []
    with psycopg.connect(database.owner_url) as owner:
        owner.execute(f"DELETE FROM {projection.table} WHERE account_id = 'b'".encode())
        owner.execute(
            f"UPDATE {projection.table} SET account_id = 'ghost' WHERE account_id = 'c'".encode()
        )
    assert {(account, field) for account, _, field in differences(database)} == {
        ("b", f"{projection.name}.missing_row"),
        ("c", f"{projection.name}.missing_row"),
        ("ghost", f"{projection.name}.extra_row"),
    }


def test_i7_an_amount_changed_in_the_log_shows_in_every_value_derived_from_it(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    """These are the recorded balance, the columns of the log, the snapshot and the read model."""
    three_accounts(database, service)
    with tampering(database) as owner:
        owner.execute(
            "UPDATE events SET state = replace(convert_from(state, 'UTF8'), '\"amount\":60',"
            " '\"amount\":50')::bytea WHERE originator_id = 'account-b' AND originator_version = 4"
        )
    assert set(differences(database)) == {
        ("b", 4, "observed"),
        ("b", 5, "reasons"),
        ("b", 4, "recorded pending"),
        ("b", 4, "recorded available"),
        ("b", 8, "snapshot.pending"),
        ("b", 8, "snapshot.holds"),
        ("b", 8, "snapshot.activity"),
        ("b", 4, "pending_change"),
        ("b", 4, "transactions.held"),
    }


def test_a_snapshot_of_another_shape_is_not_compared(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    """Another version took the snapshot, and this version does not use it."""
    record(service, [opening("a", 100)])
    execute(database, "INSERT INTO snapshots VALUES ('account-a', 1, 'account@0', 'unheard of')")
    assert differences(database) == []


def test_i6_an_approval_above_the_available_credit_is_reported(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    """It is reported even if every recorded balance was adjusted to match."""
    record(service, [opening("a", 100), purchase("a", "s", 30), purchase("a", "t", 60)])
    with tampering(database) as owner:
        owner.execute(
            "UPDATE events SET pending_change = 71,"
            " state = replace(replace(replace(convert_from(state, 'UTF8'),"
            " '\"amount\":60', '\"amount\":71'), '\"pending\":90', '\"pending\":101'),"
            " '\"available\":10', '\"available\":-1')::bytea WHERE originator_version = 3"
        )
    assert differences(database) == [
        ("a", 3, "reasons"),
        ("a", 3, "observed"),
        ("a", 3, "approved amount"),
    ]


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("posted", lambda sums: replace(sums, posted=1)),
        ("pending", lambda sums: replace(sums, pending=0)),
        ("events", lambda sums: replace(sums, events=2)),
    ],
)
def test_i2_a_sum_of_stored_amounts_that_differs_from_the_account_is_reported(
    database: TestDatabase,
    service: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    field: str,
    wrong: Callable[[EventSums], EventSums],
) -> None:
    """This check finds mistakes in the code that folds events."""
    moved_in = opening("a", 100, opening_balance=5)
    record(service, [moved_in, payment("a", "p", 7), purchase("a", "t", 60)])

    def other_sums(connection: psycopg.Connection) -> Iterator[EventSums]:
        yield from map(wrong, event_sums(connection))

    assert differences(database) == []
    monkeypatch.setattr("txplatform.audit.totals.event_sums", other_sums)
    assert differences(database) == [("a", 3, f"sums.{field}")]


def test_events_appended_during_a_verification_are_no_difference(
    database: TestDatabase, service: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both connections read the same database snapshot."""
    record(service, [opening("a", 100)])

    def after_a_purchase(connection: psycopg.Connection) -> int:
        record(service, [purchase("a", "t", 60)])
        return last_position(connection)

    monkeypatch.setattr("txplatform.audit.verify.last_position", after_a_purchase)
    result = verify(Database(database.service_url))
    assert result.passed, result.differences.kept
    assert result.events == 1


def test_verify_exits_1_and_prints_the_differences(
    database: TestDatabase, service: psycopg.Connection, service_env: dict[str, str]
) -> None:
    """Output goes to stdout, as text or JSON; progress goes to stderr."""
    three_accounts(database, service)
    code, out, err = run_command("verify", env=service_env)
    assert code == 0, err
    assert "replayed 3 accounts, 24 events" in out
    assert "verify: 24 of 24" in err
    service.execute(
        "UPDATE transactions SET held = 77 WHERE account_id = 'b' AND transaction_id = 't1'"
    )
    code, out, _ = run_command("verify", "--json", env=service_env)
    result = json.loads(out)
    assert code == 1
    assert result["passed"] is False
    assert result["first_differences"] == [
        {"account_id": "b", "version": 4, "field": "transactions.held", "expected": 60, "found": 77}
    ]
    code, out, _ = run_command("verify", env=service_env)
    assert "account b, version 4, transactions.held: expected 60, found 77" in out


_AMOUNTS = st.integers(1, 120)
_IDS = st.integers(0, 4).map(str)
_STATUSES = st.sampled_from(["active", "frozen", "closed"])
_COMMANDS = st.one_of(
    st.builds(lambda: opening("x", 200)),
    st.builds(lambda i, amount: purchase("x", i, amount), _IDS, st.integers(0, 120)),
    st.builds(lambda i: purchase("x", f"e{i}", 5, "EUR"), _IDS),
    st.builds(lambda i: payment("x", i, 30 + int(i)), _IDS),
    st.builds(lambda i: payment("x", f"e{i}", 9, "EUR"), _IDS),
    st.builds(lambda i: payment_return("x", i, 30 + int(i)), _IDS),
    st.builds(lambda v, amount: limit_change("x", v, amount), st.integers(1, 4), _AMOUNTS),
    st.builds(lambda i, n, amount: increment("x", i, n, amount), _IDS, _IDS, _AMOUNTS),
    st.builds(lambda i, n, amount: reversal("x", i, n, amount), _IDS, _IDS, st.none() | _AMOUNTS),
    st.builds(
        lambda i, n, amount, final: clearing("x", i, n, amount, final=final),
        _IDS,
        _IDS,
        _AMOUNTS,
        st.booleans(),
    ),
    st.builds(lambda i: expiry("x", i), _IDS),
    st.builds(lambda i, status: operator_status("x", i, status), _IDS, _STATUSES),
    st.builds(lambda v, status: team_status("x", v, status), st.integers(1, 3), _STATUSES),
)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    commits=st.lists(
        st.tuples(st.lists(_COMMANDS, min_size=1, max_size=6), st.sampled_from([0, 0, 40])),
        min_size=1,
        max_size=8,
    ),
    snapshot_after=st.integers(0, 7),
    batch=st.integers(1, 9),
)
def test_i1_replay_and_snapshot_with_tail_and_projections_agree_field_by_field(
    database: TestDatabase,
    commits: list[tuple[list[Command], int]],
    snapshot_after: int,
    batch: int,
) -> None:
    """They agree whatever the batches in which events are folded, and the time between them."""
    empty_log(database)
    with Database(database.service_url).connect() as service:
        accounts = Accounts(service)
        for number, (commands, days_later) in enumerate(commits):
            record(service, commands, begin=NOW + timedelta(days=days_later))
            if number == snapshot_after:
                account = accounts.account(AccountId("x"))
                if account.version:
                    store_snapshot(service, account)
            catch_up(service, batch)
        result = verify(Database(database.service_url))
        assert result.passed, result.differences.kept
        with_snapshot = accounts.account(AccountId("x"))
        replayed = Account.unopened(AccountId("x"))
        for logged in read_whole_log(service):
            logged.event.mutate(replayed)
        assert with_snapshot.version == replayed.version
        assert account_state(with_snapshot) == account_state(replayed)
        rows = transaction_rows(service)
        held = {row.transaction_id: (row.held, row.expires_at) for row in rows if row.held}
        assert held == replayed.holds

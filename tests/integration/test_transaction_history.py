"""The list has every transaction that anything names, each with its life as the log has it."""

from __future__ import annotations

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.commands import clearing, correction, increment, opening, purchase, refund, reversal
from harness.histories import record, stored_account
from harness.postgres import TestDatabase
from harness.read_models import catch_up
from harness.verification import differences, empty_log
from txplatform.contracts.transactions import TransactionResponse
from txplatform.database import Database
from txplatform.domain.commands import Command
from txplatform.domain.ids import AccountId, TransactionId
from txplatform.eventstore.log import last_position
from txplatform.projections.rebuild import rebuild
from txplatform.projections.transactions import TRANSACTIONS, get_transaction, list_transactions

ACCOUNT = AccountId("acc")


def listed(connection: psycopg.Connection, limit: int = 100) -> list[TransactionResponse]:
    """All pages."""
    found: list[TransactionResponse] = []
    page = list_transactions(connection, ACCOUNT, limit=limit)
    found += page.items
    while page.next_cursor is not None:
        page = list_transactions(connection, ACCOUNT, limit=limit, cursor=page.next_cursor)
        assert len(page.items) <= limit
        found += page.items
    return found


def ids(transactions: list[TransactionResponse]) -> list[str]:
    """Of these."""
    return [each.transaction_id for each in transactions]


def one(connection: psycopg.Connection, transaction_id: str) -> TransactionResponse:
    """One that is there."""
    found = get_transaction(connection, ACCOUNT, TransactionId(transaction_id))
    assert found is not None
    return found


def test_what_is_named_and_not_authorized_is_listed_where_it_was_first_named(
    service: psycopg.Connection,
) -> None:
    """By whatever named it; what names no transaction is not."""
    record(
        service,
        [
            opening("acc"),
            clearing("acc", "cleared", "c1", 10),
            purchase("acc", "bought", 10),
            reversal("acc", "reversed", "r", 5),
            refund("acc", "refunded", "f1", 1),
            correction("acc", "corrected", "x", "unknown", 1),
            increment("acc", "raised", "i", 1),
            clearing("acc", "cleared", "c2", 10),
            refund("acc", None, "f2", 1),
        ],
    )
    catch_up(service, 2)
    newest_first = ["raised", "corrected", "refunded", "reversed", "bought", "cleared"]
    for limit in (1, 2, 6, 7):
        assert ids(listed(service, limit)) == newest_first
    assert [each.state for each in listed(service)] == [
        "unknown",
        "unknown",
        "unknown",
        "reversed",
        "held",
        "unauthorized",
    ]


def test_a_late_authorization_moves_to_the_place_of_its_decision(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    """Whether or not it was listed before; there is one row of it at any time."""
    record(service, [opening("acc"), clearing("acc", "t", "c", 10, final=False)])
    record(service, [refund("acc", "u", "f", 1), purchase("acc", "other", 1)])
    catch_up(service)
    assert ids(listed(service)) == ["other", "u", "t"]
    record(service, [purchase("acc", "t", 30), purchase("acc", "u", 5)])
    assert [one(service, each).decision for each in ("t", "u")] == ["approved", "approved"]
    # Not read by the list yet: in its old place, with its newest life.
    assert [(each.transaction_id, each.decision) for each in listed(service)] == [
        ("other", "approved"),
        ("u", "approved"),
        ("t", "approved"),
    ]
    assert differences(database) == []
    catch_up(service, 1)
    found = listed(service)
    assert ids(found) == ["u", "t", "other"]
    assert found[1] == one(service, "t")
    assert (found[1].hold, found[1].posted) == (20, 10)
    assert differences(database) == []
    assert rebuild(Database(database.owner_url), TRANSACTIONS).same
    assert listed(service) == found


def test_one_transaction_never_lags_though_the_list_does(service: psycopg.Connection) -> None:
    """It is read from the log, and another account's of that name is another."""
    record(service, [opening("acc"), purchase("acc", "t", 30), clearing("acc", "t", "c", 20)])
    record(service, [opening("other"), purchase("other", "t", 7), clearing("other", "t", "c", 7)])
    assert listed(service) == []
    found = one(service, "t")
    assert [event.account_version for event in found.events] == [2, 3]
    assert (found.state, found.posted) == ("cleared", 20)
    assert get_transaction(service, ACCOUNT, TransactionId("")) is None
    assert get_transaction(service, AccountId("nobody"), TransactionId("t")) is None


def test_a_page_tells_lives_as_they_are_and_which_there_are_as_it_has_read(
    service: psycopg.Connection,
) -> None:
    """The position is of the latter."""
    record(service, [opening("acc"), purchase("acc", "t", 30)])
    catch_up(service)
    folded = last_position(service)
    record(service, [clearing("acc", "t", "c", 20), purchase("acc", "new", 1)])
    page = list_transactions(service, ACCOUNT, limit=9)
    assert page.as_of_position == folded
    assert [(each.transaction_id, each.state) for each in page.items] == [("t", "cleared")]


def test_a_page_shows_the_newest_events_of_a_long_life_and_ends_behind_it(
    service: psycopg.Connection,
) -> None:
    """Pages stay readable: 50 events of each, fewer transactions where these have thousands."""
    record(service, [opening("acc"), purchase("acc", "old", 1), purchase("acc", "long", 9000)])
    record(service, [clearing("acc", "long", f"c{n}", 1, final=False) for n in range(5000)])
    record(service, [purchase("acc", "new", 1)])
    catch_up(service)
    page = list_transactions(service, ACCOUNT, limit=3)
    assert ids(page.items) == ["new", "long"]
    long = page.items[1]
    assert (long.events_total, len(long.events)) == (5001, 50)
    assert [event.clearing_id for event in long.events] == [f"c{n}" for n in range(4950, 5000)]
    assert (long.cleared, long.hold) == (5000, 4000)
    rest = list_transactions(service, ACCOUNT, limit=3, cursor=page.next_cursor)
    assert (ids(rest.items), rest.next_cursor) == (["old"], None)
    assert len(one(service, "long").events) == 5001


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("DELETE FROM transactions WHERE transaction_id = 't'", (3, "missing_row")),
        (
            "UPDATE transactions SET account_version = 9 WHERE transaction_id = 't'",
            (3, "missing_row"),
        ),
        (
            "UPDATE transactions SET transaction_id = 'x' WHERE transaction_id = 't'",
            (3, "transaction_id"),
        ),
        (
            "UPDATE transactions SET account_version = 5 WHERE transaction_id = 'late'",
            (5, "extra_row"),
        ),
        ("INSERT INTO transactions VALUES ('acc', 'again', 8)", (8, "extra_row")),
    ],
)
def test_i1_a_row_without_decision_that_is_not_as_the_log_says_is_named(
    database: TestDatabase,
    service: psycopg.Connection,
    change: str,
    expected: tuple[int, str],
) -> None:
    """Missing, altered, or left where a decision has come."""
    record(service, [opening("acc"), clearing("acc", "t", "c1", 1)])  # versions 1 to 3
    record(service, [clearing("acc", "late", "c2", 1), purchase("acc", "late", 2)])  # 4 to 6
    record(service, [purchase("acc", "bought", 2), clearing("acc", "bought", "c3", 1)])  # 7 and 8
    catch_up(service)
    assert differences(database) == []
    with psycopg.connect(database.owner_url) as owner:
        owner.execute(change.encode())
    version, field = expected
    assert ("acc", version, f"transactions.{field}") in differences(database)


def test_a_transaction_of_one_account_is_not_one_of_another(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    """Ids are each account's own: one is decided here, and only named there."""
    record(service, [opening("a"), purchase("a", "t", 2), opening("b"), clearing("b", "t", "c", 1)])
    catch_up(service)
    assert differences(database) == []


_AMOUNTS = st.integers(1, 120)
_OF = st.integers(0, 3).map(lambda number: f"t{number}")
_NUMBERS = st.integers(0, 5).map(str)
_COMMANDS = st.one_of(
    st.builds(lambda: opening("acc", 500)),
    st.builds(lambda of: purchase("acc", of, 60), _OF),
    st.builds(
        lambda of, number, final: clearing("acc", of, f"c-{of}-{number}", 20, final=final),
        _OF,
        _NUMBERS,
        st.booleans(),
    ),
    st.builds(lambda of, number: refund("acc", of, f"f-{of}-{number}", 7), _OF, _NUMBERS),
    st.builds(
        lambda of, number: correction("acc", of, f"x-{of}-{number}", f"c-{of}-{number}", 20),
        _OF,
        _NUMBERS,
    ),
    st.builds(
        lambda of, number, amount: reversal("acc", of, f"r-{of}-{number}-{amount}", amount),
        _OF,
        _NUMBERS,
        st.none() | _AMOUNTS,
    ),
    st.builds(lambda of, number: increment("acc", of, f"i-{of}-{number}", 9), _OF, _NUMBERS),
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    commits=st.lists(st.lists(_COMMANDS, min_size=1, max_size=6), min_size=1, max_size=8),
    batch=st.integers(1, 9),
    limit=st.integers(1, 5),
)
def test_i2_the_pages_of_an_account_add_up_to_its_balance(
    database: TestDatabase, commits: list[list[Command]], batch: int, limit: int
) -> None:
    """Each transaction once, each as if it were read alone; and the list verifies."""
    empty_log(database)
    with Database(database.service_url).connect() as service:
        for commands in commits:
            record(service, commands)
            catch_up(service, batch)
        found = listed(service, limit)
        named = service.execute(
            "SELECT transaction_id FROM events WHERE transaction_id IS NOT NULL UNION"
            " SELECT substring(event_key FROM 'authorization:(.*)') FROM events"
            " WHERE event_key LIKE '%authorization:%'"
        )
        assert sorted(ids(found)) == sorted(name for (name,) in named)
        versions = [each.account_version for each in found]
        assert versions == sorted(versions, reverse=True)
        for each in found:
            assert each == one(service, each.transaction_id)
        account = stored_account(database, "acc")
        assert sum(each.posted - each.refunded for each in found) == account.posted
        assert sum(each.hold for each in found) == account.pending
        assert differences(database) == []


def test_every_look_up_is_by_an_index(service: psycopg.Connection) -> None:
    """Though the planner knows nothing of the tables, and may read them whole."""
    record(service, [opening("acc"), *(purchase("acc", f"t{n}", 1) for n in range(400))])
    record(service, [clearing("acc", f"t{n}", f"c{n}", 1) for n in range(400)])
    catch_up(service)
    with service.transaction():  # in which the counters only grow
        before = _rows_read(service)
        page = list_transactions(service, ACCOUNT, limit=10)
        read = _rows_read(service) - before
    assert [len(each.events) for each in page.items] == [2] * 10
    assert 20 <= read < 50


def _rows_read(connection: psycopg.Connection) -> int:
    """Rows of the log that this connection has fetched lately."""
    row = connection.execute(
        "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'events'"
    ).fetchone()
    assert row is not None
    return int(row[0])

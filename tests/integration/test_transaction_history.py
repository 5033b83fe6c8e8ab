"""Lists contain every transaction that an event names, with its history from the log."""

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
from txplatform.projections.transaction_history import get_transaction
from txplatform.projections.transaction_list import list_transactions
from txplatform.projections.transactions import TRANSACTIONS

ACCOUNT = AccountId("acc")


def listed(connection: psycopg.Connection, limit: int = 100) -> list[TransactionResponse]:
    """Return the transactions of all pages."""
    found: list[TransactionResponse] = []
    page = list_transactions(connection, ACCOUNT, limit=limit)
    found += page.items
    while page.next_cursor is not None:
        page = list_transactions(connection, ACCOUNT, limit=limit, cursor=page.next_cursor)
        assert len(page.items) <= limit
        found += page.items
    return found


def ids(transactions: list[TransactionResponse]) -> list[str]:
    """Return the transaction ids."""
    return [each.transaction_id for each in transactions]


def one(connection: psycopg.Connection, transaction_id: str) -> TransactionResponse:
    """Return a transaction that exists."""
    found = get_transaction(connection, ACCOUNT, TransactionId(transaction_id))
    assert found is not None
    return found


def test_a_transaction_without_a_decision_is_listed_by_its_first_event(
    service: psycopg.Connection,
) -> None:
    """Any event can name a transaction, except one that waits, as the correction does here.

    Postings without a transaction are not listed.
    """
    record(
        service,
        [
            opening("acc"),
            clearing("acc", "cleared", "c1", 10),
            purchase("acc", "bought", 10),
            reversal("acc", "reversed", "r", 5),
            refund("acc", "refunded", "f1", 1),
            correction("acc", "waits", "x", "unknown", 1),
            increment("acc", "raised", "i", 1),
            clearing("acc", "cleared", "c2", 10),
            refund("acc", None, "f2", 1),
        ],
    )
    catch_up(service, 2)
    newest_first = ["raised", "refunded", "reversed", "bought", "cleared"]
    for limit in (1, 2, 5, 6):
        assert ids(listed(service, limit)) == newest_first
    assert [each.state for each in listed(service)] == [
        "unknown",
        "unknown",
        "reversed",
        "held",
        "unauthorized",
    ]


def test_a_late_authorization_does_not_move_its_transaction_in_the_list(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    """So a list never loses its place. There is never more than one row for a transaction."""
    record(service, [opening("acc"), clearing("acc", "t", "c", 10, final=False)])
    record(service, [refund("acc", "u", "f", 1), purchase("acc", "other", 1)])
    catch_up(service)
    assert ids(listed(service)) == ["other", "u", "t"]
    record(service, [purchase("acc", "t", 30), purchase("acc", "u", 5)])
    assert [one(service, each).decision for each in ("t", "u")] == ["approved", "approved"]
    # The list lags, but its contents are up to date.
    assert [(each.transaction_id, each.decision) for each in listed(service)] == [
        ("other", "approved"),
        ("u", "approved"),
        ("t", "approved"),
    ]
    assert differences(database) == []
    catch_up(service, 1)
    found = listed(service)
    assert ids(found) == ["other", "u", "t"]
    assert found[2] == one(service, "t")
    assert (found[2].hold, found[2].posted) == (20, 10)
    assert differences(database) == []
    assert rebuild(Database(database.owner_url), TRANSACTIONS).same
    assert listed(service) == found


def test_a_single_transaction_never_lags_even_if_the_list_does(service: psycopg.Connection) -> None:
    """It is read from the log. Another account may have the same transaction id."""
    record(service, [opening("acc"), purchase("acc", "t", 30), clearing("acc", "t", "c", 20)])
    record(service, [opening("other"), purchase("other", "t", 7), clearing("other", "t", "c", 7)])
    assert listed(service) == []
    found = one(service, "t")
    assert [event.account_version for event in found.events] == [2, 3]
    assert (found.state, found.posted) == ("cleared", 20)
    assert get_transaction(service, ACCOUNT, TransactionId("")) is None
    assert get_transaction(service, AccountId("nobody"), TransactionId("t")) is None


def test_a_page_may_lack_new_transactions_but_its_contents_never_lag(
    service: psycopg.Connection,
) -> None:
    """`as_of_position` says which transactions the page includes."""
    record(service, [opening("acc"), purchase("acc", "t", 30)])
    catch_up(service)
    folded = last_position(service)
    record(service, [clearing("acc", "t", "c", 20), purchase("acc", "new", 1)])
    page = list_transactions(service, ACCOUNT, limit=9)
    assert page.as_of_position == folded
    assert [(each.transaction_id, each.state) for each in page.items] == [("t", "cleared")]


def test_a_page_shows_the_newest_events_of_a_long_history_and_ends_after_it(
    service: psycopg.Connection,
) -> None:
    """A page has at most 50 events for each, and fewer transactions if they have thousands."""
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
        ("DELETE FROM transactions WHERE transaction_id = 't'", (2, "missing_row")),
        (
            "UPDATE transactions SET account_version = 9 WHERE transaction_id = 't'",
            (2, "missing_row"),
        ),
        (
            "UPDATE transactions SET transaction_id = 'x' WHERE transaction_id = 't'",
            (2, "transaction_id"),
        ),
        (
            "UPDATE transactions SET account_version = 6 WHERE transaction_id = 'late'",
            (6, "extra_row"),
        ),
        ("UPDATE transactions SET held = 2 WHERE transaction_id = 'late'", (4, "held")),
        ("INSERT INTO transactions VALUES (8, 0, NULL, now(), 'acc', 'again')", (8, "extra_row")),
    ],
)
def test_i1_a_wrong_row_of_a_transaction_named_before_its_decision_is_reported(
    database: TestDatabase,
    service: psycopg.Connection,
    change: str,
    expected: tuple[int, str],
) -> None:
    """The row is missing, altered, superfluous, or in the place of the decision."""
    record(service, [opening("acc"), clearing("acc", "t", "c1", 1)])  # versions 1 to 3
    record(service, [clearing("acc", "late", "c2", 1), purchase("acc", "late", 2)])  # 4 to 6
    record(service, [purchase("acc", "bought", 2), clearing("acc", "bought", "c3", 1)])  # 7 and 8
    catch_up(service)
    assert differences(database) == []
    with psycopg.connect(database.owner_url) as owner:
        owner.execute(change.encode())
    version, field = expected
    assert ("acc", version, f"transactions.{field}") in differences(database)


def test_one_transaction_id_in_two_accounts_means_two_transactions(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    """It is decided in one account, and only named by a clearing in the other."""
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
    """Pages list each transaction once, by its first event, and verification passes."""
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
        read_alone = [one(service, each.transaction_id) for each in found]
        first_versions = [each.events[0].account_version for each in read_alone]
        assert first_versions == sorted(first_versions, reverse=True)
        assert found == read_alone
        account = stored_account(database, "acc")
        assert sum(each.posted - each.refunded for each in found) == account.posted
        assert sum(each.hold for each in found) == account.pending
        assert differences(database) == []


def test_every_look_up_uses_an_index(service: psycopg.Connection) -> None:
    """The planner has no statistics, and full scans are allowed."""
    record(service, [opening("acc"), *(purchase("acc", f"t{n}", 1) for n in range(400))])
    record(service, [clearing("acc", f"t{n}", f"c{n}", 1) for n in range(400)])
    catch_up(service)
    with service.transaction():  # the counters grow until it ends
        before = _rows_read(service)
        page = list_transactions(service, ACCOUNT, limit=10)
        read = _rows_read(service) - before
    assert [len(each.events) for each in page.items] == [2] * 10
    assert 20 <= read < 50


def _rows_read(connection: psycopg.Connection) -> int:
    """Return how many rows of the log the current transaction has read."""
    row = connection.execute(
        "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'events'"
    ).fetchone()
    assert row is not None
    return int(row[0])

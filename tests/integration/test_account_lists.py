"""The lists of an account's transactions and postings hold still and are complete."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from harness.commands import (
    ACCOUNT,
    NOW,
    clearing,
    correction,
    opening,
    payment,
    payment_return,
    purchase,
    refund,
    reversal,
)
from harness.histories import read_whole_log, record
from harness.postgres import TestDatabase
from harness.read_models import catch_up
from harness.shuffled import LIMIT, shuffled_histories
from harness.verification import empty_log
from txplatform.contracts.cursors import InvalidCursorError
from txplatform.contracts.postings import PostingKind, PostingsResponse
from txplatform.contracts.transactions import TransactionsResponse
from txplatform.database import Database
from txplatform.domain.commands import Command
from txplatform.domain.events import EVENT_TYPES, AccountEvent
from txplatform.domain.flags import Flag
from txplatform.domain.ids import AccountId, TransactionId
from txplatform.domain.requests import HoldExpiry
from txplatform.domain.transaction import Transaction, TransactionState
from txplatform.eventstore.accounts import Accounts
from txplatform.eventstore.statements import LoggedEvent
from txplatform.projections.postings import KINDS, PostingFilters, list_postings
from txplatform.projections.transaction_list import TransactionFilters, list_transactions
from txplatform.projections.transactions import transaction_named_by


def postings(
    connection: psycopg.Connection, limit: int = 100, cursor: str | None = None, **filters: Any
) -> PostingsResponse:
    """Return a page of the account's postings, as the API reads it."""
    account = Accounts(connection).account(ACCOUNT)
    return list_postings(
        connection,
        ACCOUNT,
        posted=account.posted,
        version=account.version,
        filters=PostingFilters(**filters),
        limit=limit,
        cursor=cursor,
    )


def transactions(
    connection: psycopg.Connection, limit: int = 100, cursor: str | None = None, **filters: Any
) -> TransactionsResponse:
    """Return a page of the account's transactions."""
    filters_ = TransactionFilters(**filters)
    return list_transactions(connection, ACCOUNT, filters=filters_, limit=limit, cursor=cursor)


def test_every_kind_of_event_that_states_a_change_of_the_amount_owed_is_a_kind_of_posting() -> None:
    stating = {kind for kind in EVENT_TYPES if kind.posted_change is not AccountEvent.posted_change}
    assert KINDS.keys() == stating
    assert sorted(KINDS.values()) == sorted(PostingKind)


def test_postings_have_everything_that_moved_the_amount_owed_and_nothing_else(
    service: psycopg.Connection,
) -> None:
    """Purchases, reversals and a final clearing of amount 0 move nothing; what waits, not yet."""
    record(service, [payment("acc-1", "early", 5), opening("acc-1")])  # 1 waits; 2, 3
    record(service, [purchase("acc-1", "t", 50), clearing("acc-1", "t", "c", 40)])  # 4, 5
    record(service, [refund("acc-1", "t", "f", 50), correction("acc-1", "t", "x", "c", 40)])
    record(service, [reversal("acc-1", "t", "r"), payment_return("acc-1", "early", 5)])
    page = postings(service)
    assert [
        (each.kind, each.amount, each.business_id, each.transaction_id, each.account_version)
        for each in page.items
    ] == [
        ("payment_return", 5, "early", None, 9),
        ("correction", -40, "x", "t", 7),
        ("refund", -50, "f", "t", 6),
        ("clearing", 40, "c", "t", 5),
        ("payment", -5, "early", None, 3),
    ]
    assert (page.posted, page.as_of_version, page.next_cursor) == (-50, 9, None)
    log = {logged.event.originator_version: logged for logged in read_whole_log(service)}
    for each in page.items:
        logged = log[each.account_version]
        assert each.posting_id == logged.event.event_id
        assert each.recorded_at == logged.recorded_at
        assert each.occurred_at == logged.event.business_time
        assert each.currency == "USD"
    assert [each.flags for each in page.items if each.kind == "refund"] == [("over_purchase",)]


def test_an_opening_balance_is_a_posting_unless_it_is_0(service: psycopg.Connection) -> None:
    record(service, [payment("acc-1", "early", 5), opening("acc-1", opening_balance=70)])
    page = postings(service)
    assert [(each.kind, each.amount, each.business_id) for each in page.items] == [
        ("payment", -5, "early"),
        ("opening_balance", 70, "acc-1"),
    ]
    assert page.posted == 65
    assert page.items[1].occurred_at == NOW
    assert postings(service, kind=PostingKind.OPENING_BALANCE).items == page.items[1:]


def test_the_filters_of_postings_select_by_kind_flag_and_recorded_time(
    service: psycopg.Connection,
) -> None:
    record(service, [opening("acc-1"), payment("acc-1", "p", 5), purchase("acc-1", "t", 50)])
    record(service, [clearing("acc-1", "t", "c1", 60), clearing("acc-1", None, "c2", 1)])
    all_ = postings(service).items

    def ids(**filters: Any) -> list[str]:
        return [each.business_id for each in postings(service, **filters).items]

    assert ids() == ["c2", "c1", "p"]
    assert ids(kind=PostingKind.CLEARING) == ["c2", "c1"]
    assert ids(flag=Flag.OVER_HOLD) == ["c1"]
    assert ids(kind=PostingKind.PAYMENT, flag=Flag.OVER_HOLD) == []
    middle = all_[1].recorded_at
    assert ids(since=middle) == ["c2", "c1"]
    assert ids(until=middle) == ["p"]
    assert ids(since=middle, until=middle) == []
    assert ids(since=middle, until=middle + timedelta(microseconds=1)) == ["c1"]
    assert postings(service, kind=PostingKind.PAYMENT).posted == 56


def test_the_filters_of_transactions_look_at_the_transaction_as_it_is_now(
    service: psycopg.Connection,
) -> None:
    """Their recorded time is that of the first event that names them, though."""
    record(service, [opening("acc-1", 100), purchase("acc-1", "held", 50)])
    record(service, [clearing("acc-1", "late", "c", 10), purchase("acc-1", "declined", 500)])
    record(service, [clearing("acc-1", "over", "c2", 10, final=False)])
    catch_up(service)
    before = transactions(service).items

    def ids(**filters: Any) -> list[str]:
        return [each.transaction_id for each in transactions(service, **filters).items]

    assert ids() == ["over", "declined", "late", "held"]
    assert ids(state=TransactionState.UNAUTHORIZED) == ["over", "late"]
    record(service, [purchase("acc-1", "over", 12), reversal("acc-1", "held", "r")])
    assert ids() == ["over", "declined", "late", "held"]
    assert ids(state=TransactionState.UNAUTHORIZED) == ["late"]
    assert ids(state=TransactionState.REVERSED) == ["held"]
    assert ids(decision="approved") == ["over", "held"]
    assert ids(decision="declined") == ["declined"]
    assert ids(flag=Flag.NO_AUTHORIZATION) == ["over", "late"]
    assert ids(flag=Flag.NO_AUTHORIZATION, decision="approved") == ["over"]
    late = before[2].recorded_at
    assert ids(since=late) == ["over", "declined", "late"]
    assert ids(until=late) == ["held"]
    assert [each.recorded_at for each in transactions(service).items] == [
        each.recorded_at for each in before
    ]


def test_a_reference_finds_each_posting_and_the_transactions_that_it_belongs_to(
    service: psycopg.Connection,
) -> None:
    record(service, [opening("acc-1"), replace(purchase("acc-1", "t", 50), reference="order 1/2")])
    record(
        service,
        [
            replace(clearing("acc-1", "t", "c1", 20, final=False), reference="arn-1"),
            replace(clearing("acc-1", "t", "c2", 30), reference="arn-2"),
            replace(refund("acc-1", None, "f", 5), reference="arn-1"),
            replace(payment("acc-1", "p", 5), reference="order 1/2"),
            replace(clearing("acc-1", "other", "c3", 30), reference="arn-3"),
        ],
    )
    catch_up(service)
    for reference, postings_, transactions_ in (
        ("arn-1", ["f", "c1"], ["t"]),
        ("arn-2", ["c2"], ["t"]),
        ("order 1/2", ["p"], ["t"]),
        ("arn-3", ["c3"], ["other"]),
        ("arn", [], []),
    ):
        items = postings(service, reference=reference).items
        assert [each.business_id for each in items] == postings_
        assert {each.reference for each in items} <= {reference}
        found = transactions(service, reference=reference).items
        assert [each.transaction_id for each in found] == transactions_


def test_flags_of_the_description_select_as_those_of_the_money_do(
    service: psycopg.Connection,
) -> None:
    incomplete = payment("acc-1", "p", 5).flagged(Flag.DESCRIPTION_INCOMPLETE)
    record(service, [opening("acc-1"), incomplete, payment("acc-1", "q", 5)])
    (found,) = postings(service, flag=Flag.DESCRIPTION_INCOMPLETE).items
    assert (found.business_id, found.flags) == ("p", (Flag.DESCRIPTION_INCOMPLETE,))


def test_an_item_far_down_the_list_is_found_by_a_filter(service: psycopg.Connection) -> None:
    """The lists are read batch by batch."""
    record(service, [opening("acc-1"), payment("acc-1", "first", 1), purchase("acc-1", "first", 1)])
    record(service, [clearing("acc-1", f"t{n}", f"c{n}", 1) for n in range(450)])
    catch_up(service)
    found = postings(service, kind=PostingKind.PAYMENT)
    assert ([each.business_id for each in found.items], found.next_cursor) == (["first"], None)
    listed = transactions(service, decision="approved")
    assert ([each.transaction_id for each in listed.items], listed.next_cursor) == (["first"], None)


def test_a_cursor_of_another_list_account_or_filter_is_refused(
    service: psycopg.Connection,
) -> None:
    record(service, [opening("acc-1"), clearing("acc-1", "t", "c", 1), payment("acc-1", "p", 1)])
    record(service, [purchase("acc-1", "u", 1)])
    catch_up(service)
    of_postings = postings(service, 1).next_cursor
    of_transactions = transactions(service, 1).next_cursor
    assert of_postings
    assert of_transactions
    with pytest.raises(InvalidCursorError):
        transactions(service, cursor=of_postings)
    with pytest.raises(InvalidCursorError):
        postings(service, cursor=of_transactions)
    with pytest.raises(InvalidCursorError):
        postings(service, cursor=of_postings, kind=PostingKind.CLEARING)
    with pytest.raises(InvalidCursorError):
        transactions(service, cursor=of_transactions, state=TransactionState.HELD)
    with pytest.raises(InvalidCursorError):
        list_transactions(service, AccountId("other"), limit=1, cursor=of_transactions)


Step = Command | Literal["project", "read"]
PROJECT: list[Step] = ["project"]
READ: list[Step] = ["read"]


@st.composite
def walks(draw: st.DrawFn) -> list[Step]:
    """Draw messages in order of arrival, and between them steps of the projector and a reader."""
    owed = draw(st.sampled_from([0, 70, -70]))
    steps: list[Step] = [opening(ACCOUNT, LIMIT, opening_balance=owed)]
    for command in draw(shuffled_histories()).arrivals:
        steps += [command, *draw(st.lists(st.sampled_from(PROJECT + READ), max_size=3))]
    return steps


def arrive(connection: psycopg.Connection, command: Command) -> None:
    """Record a message. Holds are overdue when they expire."""
    expiring = isinstance(command, HoldExpiry)
    record(connection, [command], begin=NOW + timedelta(days=40) if expiring else NOW)


PROPERTY = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@PROPERTY
@given(walks(), st.integers(1, 3), st.none() | st.sampled_from(PostingKind))
def test_i2_walks_through_postings_have_each_once_and_their_sum_while_others_arrive(
    database: TestDatabase, steps: list[Step], limit: int, kind: PostingKind | None
) -> None:
    """A posting that arrives during a walk belongs to the next one."""
    empty_log(database)
    with Database(database.service_url).connect() as connection:
        pages: list[PostingsResponse] = []
        for step in steps + 40 * READ:
            if not isinstance(step, str):
                arrive(connection, step)
            elif step == "read":
                cursor = pages[-1].next_cursor if pages else None
                pages.append(postings(connection, limit, cursor, kind=kind))
                if pages[-1].next_cursor is None:
                    check_postings(connection, pages, kind)
                    pages = []


def check_postings(
    connection: psycopg.Connection, pages: list[PostingsResponse], kind: PostingKind | None
) -> None:
    """Check that the pages have all postings of a kind up to a version.

    Those of all kinds add up to what was owed at that version.
    """
    ((posted, version),) = {(page.posted, page.as_of_version) for page in pages}
    rows = [row for page in pages for row in page.items]
    account = Accounts(connection).account(ACCOUNT, version=version)
    assert posted == account.posted
    assert kind is not None or sum(row.amount for row in rows) == posted
    events = [logged.event for logged in read_whole_log(connection)]
    assert [(row.account_version, row.amount) for row in reversed(rows)] == [
        (event.originator_version, event.posted_change)
        for event in events
        if event.posted_change and event.originator_version <= version
        if kind in (None, KINDS[type(event)])
    ]


@PROPERTY
@given(walks(), st.integers(1, 3), st.integers(1, 5))
def test_walks_through_transactions_have_each_once_in_its_place_while_others_arrive(
    database: TestDatabase, steps: list[Step], limit: int, batch: int
) -> None:
    """They have every transaction that the first page promises to be complete for.

    Each row has the amounts of all that had arrived when its page was read.
    """
    empty_log(database)
    with Database(database.service_url).connect() as connection:
        pages: list[TransactionsResponse] = []
        for step in steps + PROJECT + 20 * READ:
            if not isinstance(step, str):
                arrive(connection, step)
            elif step == "project":
                catch_up(connection, batch)
            else:
                cursor = pages[-1].next_cursor if pages else None
                pages.append(transactions(connection, limit, cursor))
                check_amounts(connection, pages[-1])
                if pages[-1].next_cursor is None:
                    check_transactions(connection, pages)
                    pages = []


def check_amounts(connection: psycopg.Connection, page: TransactionsResponse) -> None:
    """Check the amounts of each row against the events of its transaction."""
    events = [logged.event for logged in read_whole_log(connection)]
    for row in page.items:
        of_row = [each for each in events if transaction_named_by(each) == row.transaction_id]
        folded = Transaction.fold(of_row)
        assert (row.hold, row.posted, row.state) == (folded.hold, folded.posted, folded.state)
        posted = sum(event.posted_change or 0 for event in of_row)
        assert row.posted - row.refunded == posted
        assert row.hold == sum(event.pending_change for event in of_row)


def check_transactions(connection: psycopg.Connection, pages: list[TransactionsResponse]) -> None:
    """Check that the pages have the transactions in the order of the events that name them."""
    first: dict[TransactionId, LoggedEvent] = {}
    for logged in read_whole_log(connection):
        named = transaction_named_by(logged.event)
        if named is not None:
            first.setdefault(named, logged)
    listed = [row.transaction_id for page in pages for row in page.items]
    assert listed == sorted(set(listed), key=lambda each: -first[each].position)
    assert {
        each for each, logged in first.items() if logged.position <= pages[0].as_of_position
    } <= set(listed)
    for page in pages:
        assert all(row.recorded_at == first[row.transaction_id].recorded_at for row in page.items)

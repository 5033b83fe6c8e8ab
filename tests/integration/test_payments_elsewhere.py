"""A payment id that is applied on one account is not applied on another."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.commands import OPERATOR, opening, payment_return
from harness.commands import payment as payment_of
from harness.histories import record, stored_account
from harness.inbound import inbox, payment, posted, returned
from harness.members import Member
from harness.postgres import TestDatabase
from harness.read_models import catch_up
from harness.verification import empty_log
from txplatform.consumers.parked_messages import retry_message
from txplatform.contracts.inbound_messages import MessageStatus
from txplatform.database import Database
from txplatform.doctor.inbox import check_payments
from txplatform.projections.payments import on_two_accounts


@pytest.fixture
def member(database: TestDatabase) -> Iterator[Member]:
    """A member of the consumer group, and two open accounts."""
    with Database(database.service_url).connect() as connection:
        record(connection, [opening("a")])
        record(connection, [opening("b")])
        yield Member(connection)


def parked_reasons(database: TestDatabase) -> list[tuple[str | None, str | None]]:
    """Return account and reason of each parked message."""
    parked = inbox(database, status=MessageStatus.PARKED)
    return [(each.account_id, each.reason) for each in parked]


def test_a_payment_id_that_is_applied_on_another_account_is_parked(
    database: TestDatabase, member: Member
) -> None:
    """A copy for the first account is a duplicate."""
    assert member.apply(payment("p-7", "a")) == ["applied"]
    bodies = [payment("p-7", "b"), payment("p-8", "b"), payment("p-7", "a")]
    assert member.apply(*bodies) == ["parked", "applied", "duplicate"]
    assert parked_reasons(database) == [("b", "other_account")]
    assert (posted(database, "a"), posted(database, "b")) == (-100, -100)


def test_a_payment_id_on_two_accounts_in_one_batch_is_parked(
    database: TestDatabase, member: Member
) -> None:
    """The first message of the batch is applied."""
    bodies = [payment("p-7", "a"), payment("p-7", "b"), returned("p-7", "b"), payment("p-7", "a")]
    assert member.apply(*bodies) == ["applied", "parked", "parked", "duplicate"]
    assert (posted(database, "a"), posted(database, "b")) == (-100, 0)


def test_a_payment_that_was_returned_may_be_applied_on_another_account(
    database: TestDatabase, member: Member
) -> None:
    """In one batch and in several."""
    bodies = [payment("p-7", "a"), returned("p-7", "a"), payment("p-7", "b")]
    assert member.apply(*bodies) == ["applied"] * 3
    member.apply(payment("p-8", "a"), returned("p-8", "a"))
    assert member.apply(payment("p-8", "b")) == ["applied"]
    assert member.apply(payment("p-8", "a"), payment("p-8", "b")) == ["duplicate", "duplicate"]
    member.apply(payment("p-9", "a"), returned("p-9", "a"))
    assert member.apply(payment("p-9", "a"), payment("p-9", "b")) == ["duplicate", "applied"]
    assert (posted(database, "a"), posted(database, "b")) == (0, -300)
    catch_up(member.connection)
    assert on_two_accounts(member.connection) == []


def test_a_payment_that_was_rejected_on_one_account_may_be_applied_on_another(
    database: TestDatabase, member: Member
) -> None:
    bodies = [payment("p-7", "a", currency="EUR"), payment("p-7", "b")]
    assert member.apply(*bodies) == ["parked", "applied"]
    assert posted(database, "b") == -100


def test_the_return_of_a_payment_that_is_parked_so_is_parked_too(
    database: TestDatabase, member: Member
) -> None:
    """The return for the account that has the payment is applied."""
    member.apply(payment("p-7", "a"))
    assert member.apply(payment("p-7", "b"), returned("p-7", "b")) == ["parked", "parked"]
    assert parked_reasons(database) == [("b", "other_account")] * 2
    assert stored_account(database, "b").version == 1
    assert member.apply(returned("p-7", "a")) == ["applied"]


def test_a_payment_parked_so_can_be_retried_after_the_first_one_was_returned(
    database: TestDatabase, member: Member
) -> None:
    member.apply(payment("p-7", "a"))
    member.apply(payment("p-7", "b"))
    (parked,) = inbox(database, status=MessageStatus.PARKED)
    assert retry_message(member.connection, parked.id, OPERATOR).reason == "other_account"
    member.apply(returned("p-7", "a"))
    assert retry_message(member.connection, parked.id, OPERATOR).status is MessageStatus.APPLIED
    assert (posted(database, "a"), posted(database, "b")) == (0, -100)


def test_what_slips_through_is_reported_until_one_of_the_payments_is_returned(
    database: TestDatabase, member: Member
) -> None:
    """Here two consumers applied them at once. Copies are duplicates, and both can be returned."""
    for account in "ab":
        record(member.connection, [payment_of(account, "p-7", 100)])
    (finding,) = check_payments(member.connection)
    assert finding.status.value == "ok"
    catch_up(member.connection)
    assert on_two_accounts(member.connection) == [("p-7", "b")]
    (finding,) = check_payments(member.connection)
    assert finding.status.value == "failed"
    assert "p-7, repeated on account b" in finding.detail
    assert member.apply(payment("p-7", "a"), payment("p-7", "b")) == ["duplicate", "duplicate"]
    assert member.apply(returned("p-7", "b")) == ["applied"]
    catch_up(member.connection)
    assert on_two_accounts(member.connection) == []
    assert (posted(database, "a"), posted(database, "b")) == (-100, 0)


STEPS = st.lists(
    st.tuples(st.sampled_from("pq"), st.sampled_from("abc"), st.booleans()), max_size=12
)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS, st.integers(1, 7))
def test_the_read_model_does_not_depend_on_the_batches_in_which_it_is_folded(
    database: TestDatabase, steps: list[tuple[str, str, bool]], batch: int
) -> None:
    empty_log(database)
    with Database(database.service_url).connect() as service:
        for account in "abc":
            record(service, [opening(account)])
        for payment_id, account, is_return in steps:
            build = payment_return if is_return else payment_of
            record(service, [build(account, payment_id, 5)])
        catch_up(service, batch)
        in_batches = _rows(service)
        with psycopg.connect(database.owner_url, autocommit=True) as owner:
            owner.execute("TRUNCATE payments")
            owner.execute("UPDATE checkpoints SET position = 0 WHERE name = 'projection:payments'")
        catch_up(service, 1000)
        assert _rows(service) == in_batches
        paid: dict[str, list[str]] = {}
        for payment_id, account, is_return in steps:
            if not is_return and account not in paid.setdefault(payment_id, []):
                paid[payment_id].append(account)
        assert {(each[0], each[1]): each[3] for each in in_batches} == {
            (payment_id, account): place > 0
            for payment_id, accounts in paid.items()
            for place, account in enumerate(accounts)
        }


def _rows(connection: psycopg.Connection) -> list[tuple[str, str, bool, bool]]:
    return connection.execute(
        "SELECT payment_id, account_id, returned, repeated FROM payments ORDER BY 1, 2"
    ).fetchall()

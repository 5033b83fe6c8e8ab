"""A discard is permanent: a message with the same topic, key and body never takes effect later."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.commands import OPERATOR, opening
from harness.commands import payment as payment_of
from harness.histories import record
from harness.inbound import Body, execute, inbox, payment, posted, returned
from harness.members import Member
from harness.postgres import TestDatabase
from harness.verification import empty_log, tampering
from txplatform.consumers.deferred_messages import Deferred, retry_deferred
from txplatform.consumers.parked_messages import discard_message, retry_message
from txplatform.contracts.inbound_messages import MessageStatus
from txplatform.database import Database


@pytest.fixture
def member(database: TestDatabase) -> Iterator[Member]:
    """A member of the consumer group, and two open accounts."""
    with Database(database.service_url).connect() as connection:
        record(connection, [opening("a")])
        record(connection, [opening("b")])
        yield Member(connection)


def discard_parked(database: TestDatabase, member: Member) -> list[int]:
    """Discard all parked messages; return their ids."""
    ids = [each.id for each in inbox(database, status=MessageStatus.PARKED)]
    for each in ids:
        discard_message(member.connection, each, "Sent in error.", OPERATOR)
    return ids


def test_a_copy_of_a_discarded_message_is_discarded_though_it_could_be_applied_now(
    database: TestDatabase, member: Member
) -> None:
    """It is sent again, and read again. Its payment is not taken for one on the other account."""
    bodies = [payment("p-7", "a"), payment("p-7", "b"), returned("p-7", "a")]
    assert member.apply(*bodies[:2]) == ["applied", "parked"]
    (discarded,) = discard_parked(database, member)
    assert member.apply(bodies[2]) == ["applied"]
    assert member.apply(bodies[1]) == ["discarded"]
    member.reset()
    assert member.apply(*bodies) == ["duplicate", "discarded", "duplicate"]
    assert (posted(database, "a"), posted(database, "b")) == (0, 0)
    statuses = [each.status.value for each in inbox(database)]
    assert statuses == ["applied", "discarded", "applied", "discarded"]
    copy = inbox(database)[-1]
    assert (copy.account_id, copy.business_key) == ("b", "payment:p-7")
    assert copy.reason == "other_account"
    assert copy.detail == f"The same as message {discarded}, which is discarded."


def test_another_message_with_the_same_business_key_is_applied(
    database: TestDatabase, member: Member
) -> None:
    """Another body, key or topic makes another message."""
    member.apply(payment("p-7", "a", currency="EUR"))
    discard_parked(database, member)
    assert member.apply(payment("p-7", "a"), returned("p-7", "a")) == ["applied", "applied"]


def test_a_message_discarded_for_its_headers_is_applied_with_good_headers(
    database: TestDatabase, member: Member
) -> None:
    body, wrong = payment("p-7", "a"), (("ce_type", b"something.else"),)
    assert member.apply_raw(b"a", body, wrong) == "parked"
    discard_parked(database, member)
    assert member.apply_raw(b"a", body, wrong) == "discarded"
    assert member.apply_raw(b"a", body) == "applied"


DAMAGED = "originator_id = 'account-a' AND originator_version = 2"


@contextmanager
def unreadable(database: TestDatabase) -> Iterator[None]:
    """Make account `a`, which has a second event, unreadable for the duration of the block."""
    with tampering(database) as owner:
        owner.execute(f"CREATE TABLE undamaged AS SELECT * FROM events WHERE {DAMAGED}".encode())
        owner.execute(f"UPDATE events SET state = 'no json' WHERE {DAMAGED}".encode())
    yield
    with tampering(database) as owner:
        owner.execute(f"DELETE FROM events WHERE {DAMAGED}".encode())
        owner.execute("INSERT INTO events OVERRIDING SYSTEM VALUE SELECT * FROM undamaged")


def test_a_deferred_copy_of_a_discarded_message_is_discarded(
    database: TestDatabase, member: Member
) -> None:
    record(member.connection, [payment_of("a", "p-1", 1)])
    with unreadable(database):
        assert member.apply(payment("p-7", "a"), payment("p-7", "a")) == ["waiting", "waiting"]
        first, _ = inbox(database)
        discard_message(member.connection, first.id, "Sent in error.", OPERATOR)
    assert retry_deferred(member.connection) == Deferred(retried=1)
    assert [each.status.value for each in inbox(database)] == ["discarded", "discarded"]
    assert member.apply(payment("p-7", "a")) == ["discarded"]
    assert posted(database, "a") == -1


def test_a_retry_of_a_copy_of_a_discarded_message_discards_it(
    database: TestDatabase, member: Member
) -> None:
    """Two copies are parked here, since both were deferred before."""
    record(member.connection, [payment_of("a", "p-1", 1)])
    with unreadable(database):
        member.apply(*[payment("p-7", "a", currency="EUR")] * 2)
    retry_deferred(member.connection)
    first, second = inbox(database, status=MessageStatus.PARKED)
    discard_message(member.connection, first.id, "Sent in error.", OPERATOR)
    outcome = retry_message(member.connection, second.id, OPERATOR)
    assert outcome.status is MessageStatus.DISCARDED
    assert inbox(database, status=MessageStatus.PARKED) == []


def test_a_message_that_takes_effect_only_when_it_is_read_again_is_applied_in_its_row(
    database: TestDatabase, member: Member
) -> None:
    """The cause of its rejection went away. Its copy is then a duplicate with an event."""
    bodies = [payment("p-7", "a"), payment("p-7", "b"), payment("p-7", "b"), returned("p-7", "a")]
    assert member.apply(*bodies) == ["applied", "parked", "duplicate", "applied"]
    before = inbox(database)
    member.reset()
    assert member.apply(*bodies) == ["duplicate", "applied", "duplicate", "duplicate"]
    first, late, copy, last = inbox(database)
    assert [first, last] == [before[0], before[3]]
    assert (late.status, late.reason, late.resolved_by) == ("applied", None, "consumer")
    assert late.event_id is not None
    assert late.account_version == 2
    assert (copy.status, copy.event_id) == ("duplicate", late.event_id)
    rows = inbox(database)
    member.reset()
    assert member.apply(*bodies) == ["duplicate"] * 4
    assert inbox(database) == rows
    assert posted(database, "b") == -100


def test_a_rejected_message_that_waited_is_applied_in_its_row_when_it_is_read_again(
    database: TestDatabase, member: Member
) -> None:
    """It was rejected at the opening, since the balance would have exceeded its range."""
    most = 999_999_999_999_999
    full = [payment(f"p-{number}", "late", most) for number in range(8)]
    assert member.apply(*full, payment("p-8", "late", most)) == ["waiting"] * 9
    record(member.connection, [opening("late", opening_balance=0)])
    (parked,) = inbox(database, status=MessageStatus.PARKED)
    assert parked.reason == "balance_out_of_range"
    assert member.apply(returned("p-0", "late", most)) == ["applied"]
    member.reset()
    assert member.apply(*full, payment("p-8", "late", most)) == [*["duplicate"] * 8, "applied"]
    assert inbox(database, status=MessageStatus.PARKED) == []
    assert inbox(database)[8].status is MessageStatus.APPLIED


STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from([payment, returned]), st.sampled_from("pq"), st.sampled_from("ab")
        ),
        st.sampled_from(["discard", "reset", "retry"]),
    ),
    min_size=1,
    max_size=14,
)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_i3_no_copy_of_a_discarded_message_ever_moves_money(
    database: TestDatabase, steps: list[object]
) -> None:
    """After each delivery, reset or retry, every event was caused before its message's discard."""
    empty_log(database)
    execute(database, "TRUNCATE inbound_messages, inbound_contents, inbound_positions")
    with Database(database.service_url).connect() as connection:
        for account in "ab":
            record(connection, [opening(account)])
        member = Member(connection)
        sent: list[Body] = []
        discarded: list[Body] = []
        for step in steps:
            before = {account: posted(database, account) for account in "ab"}
            if isinstance(step, tuple):
                build, payment_id, account = step
                sent.append(build(payment_id, account))
                (status,) = member.apply(sent[-1])
                if sent[-1] in discarded:
                    assert status == "discarded"
                    assert {each: posted(database, each) for each in "ab"} == before
            elif step == "discard":
                for each in inbox(database, status=MessageStatus.PARKED):
                    discard_message(connection, each.id, "why", OPERATOR)
                    discarded.append(sent[each.offset])
            elif step == "reset":
                member.reset()
                statuses = member.apply(*sent)
                for body, status in zip(sent, statuses, strict=True):
                    assert (status == "discarded") == (body in discarded)
            else:
                for each in inbox(database, status=MessageStatus.PARKED):
                    retry_message(connection, each.id, OPERATOR)
        rows = inbox(database)
        in_force = {each.event_id for each in rows if each.status is MessageStatus.APPLIED}
        caused = execute(
            database,
            "SELECT convert_from(state, 'UTF8')::json ->> 'event_id' FROM events"
            " WHERE topic IN ('payment-received', 'payment-returned')",
        )
        assert {event_id for (event_id,) in caused} <= in_force | {None}

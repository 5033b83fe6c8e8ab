"""An account that cannot be decided on, or a message that fails, holds up no other message."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest

from harness.commands import OPERATOR, opening
from harness.commands import payment as payment_of
from harness.histories import record
from harness.inbound import (
    SUBMITTED,
    Sender,
    consuming,
    execute,
    inbox,
    opened,
    payment,
    posted,
    settings_for,
    status_changed,
    wait_for_messages,
)
from harness.members import Member
from harness.postgres import TestDatabase
from harness.verification import tampering
from harness.waiting import wait_until
from txplatform.consumers.deferred_messages import Deferred, retry_deferred
from txplatform.consumers.parked_messages import discard_message
from txplatform.contracts.inbound_messages import MessageStatus
from txplatform.database import Database
from txplatform.publisher.parked_messages import ParkedMessages

DAMAGES = {
    "an unknown kind of event": "UPDATE events SET topic = 'unheard-of'",
    "bytes that are not JSON": "UPDATE events SET state = 'no json'",
    "JSON that is not this event": """UPDATE events SET state = '{"a": 1}'""",
    "a missing event": "DELETE FROM events",
    "the key of another payment": "UPDATE events SET event_key = 'payment:p-4'",
}
"""Changes of the payment of account `bad`."""

WHERE = " WHERE originator_id = 'account-bad' AND originator_version = 2"


@pytest.fixture
def member(database: TestDatabase) -> Iterator[Member]:
    """A member of the consumer group."""
    with Database(database.service_url).connect() as connection:
        yield Member(connection)


@pytest.fixture
def accounts(service: psycopg.Connection) -> None:
    """Two accounts with a payment and another event each."""
    for name in ("bad", "good"):
        paid = [payment_of(name, "p-1", 1), payment_of(name, "p-x", 1)]
        record(service, [opening(name), *paid])


def damage(database: TestDatabase, change: str) -> Callable[[], None]:
    """Damage the account `bad`; return a function that repairs it."""
    with tampering(database) as owner:
        owner.execute(f"CREATE TABLE undamaged AS SELECT * FROM events {WHERE}".encode())
        owner.execute((change + WHERE).encode())

    def repair() -> None:
        with tampering(database) as owner:
            owner.execute(f"DELETE FROM events {WHERE}".encode())
            owner.execute("INSERT INTO events OVERRIDING SYSTEM VALUE SELECT * FROM undamaged")

    return repair


@pytest.mark.parametrize("change", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.usefixtures("accounts")
def test_messages_of_a_damaged_account_are_deferred_and_all_others_are_applied(
    database: TestDatabase, member: Member, change: str, *, cached: bool
) -> None:
    """The deferred messages are applied once the account is repaired."""
    if cached:
        member.apply(payment("p-0", "good", 1))
    repair = damage(database, change)
    bodies = [payment("p-2", "good", 10), payment("p-4", "bad", 10), payment("p-3", "good", 100)]
    assert member.apply(*bodies) == ["applied", "waiting", "applied"]
    (waiting,) = inbox(database, status=MessageStatus.WAITING)
    assert (waiting.account_id, waiting.event_id) == ("bad", None)
    contradicts = change == DAMAGES["the key of another payment"]  # found by the append
    assert waiting.reason == ("internal_error" if contradicts else "account_unreadable")
    assert retry_deferred(member.connection) == Deferred(1, waiting.account_id)
    repair()
    assert member.apply(payment("p-2", "good", 10), payment("p-3", "good", 100)) == [
        "duplicate",
        "duplicate",
    ]
    assert retry_deferred(member.connection) == Deferred(retried=1)
    assert inbox(database, status=MessageStatus.WAITING) == []
    assert posted(database, "bad") == -12


@pytest.mark.usefixtures("accounts")
def test_a_message_that_cannot_be_decided_because_of_a_defect_is_deferred_alone(
    database: TestDatabase, member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise KeyError("a defect")

    monkeypatch.setattr("txplatform.domain.commands.take_version", fail)
    frozen = status_changed("frozen", 1) | {"account_id": "bad"}
    assert member.apply(payment("p-2", "good", 1), frozen) == ["applied", "waiting"]
    (waiting,) = inbox(database, status=MessageStatus.WAITING)
    assert (waiting.reason, waiting.detail) == ("internal_error", "KeyError.")
    assert member.apply(payment("p-4", "bad", 1)) == ["applied"]
    assert retry_deferred(member.connection) == Deferred(1, waiting.account_id)
    monkeypatch.undo()
    assert retry_deferred(member.connection) == Deferred(0, None, retried=1)
    assert [each.reason for each in inbox(database)] == [None] * 3


def test_a_message_that_cannot_be_read_because_of_a_defect_is_parked_alone(
    member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(body: object) -> None:
        raise RecursionError(body)

    monkeypatch.setattr("txplatform.contracts.messages.PaymentSubmittedMessage.to_command", fail)
    assert member.apply(payment("p-1", "good", 1), opened("good")) == ["parked", "applied"]


@pytest.mark.usefixtures("accounts")
def test_a_deferred_message_that_is_then_rejected_is_parked_with_a_dead_letter(
    database: TestDatabase, member: Member
) -> None:
    """Its inbox id is lower than that of a message whose dead letter was published before."""
    repair = damage(database, DAMAGES["bytes that are not JSON"])
    in_euros = payment("p-3", "bad", 5, currency="EUR")
    member.apply(in_euros, payment("p-3", "good", 5, currency="EUR"))
    first = ParkedMessages().read(member.connection, 0)
    assert first is not None
    repair()
    assert retry_deferred(member.connection).retried == 1
    second = ParkedMessages().read(member.connection, first.upto)
    assert second is not None
    assert [record.key for record in (*first.records, *second.records)] == [b"good", b"bad"]
    assert second.upto == ParkedMessages().end(member.connection)


LOSSES = {
    "held a card number": ("pay 4111111111111111", ""),
    "were dropped": ("p-3", "DELETE FROM inbound_contents"),
}
"""The payment id of a message, and what its contents suffer, by the reason why they are gone."""


@pytest.mark.parametrize(("payment_id", "loss"), LOSSES.values(), ids=LOSSES)
@pytest.mark.usefixtures("accounts")
def test_a_deferred_message_is_parked_if_its_contents(
    database: TestDatabase, member: Member, payment_id: str, loss: str
) -> None:
    """It can never be tried again. A copy is applied once the account is repaired."""
    repair = damage(database, DAMAGES["an unknown kind of event"])
    assert member.apply(payment(payment_id, "bad", 5)) == ["waiting"]
    if loss:
        execute(database, loss)
    assert retry_deferred(member.connection) == Deferred()
    (parked,) = inbox(database, status=MessageStatus.PARKED)
    assert (parked.reason, parked.resolved_by) == ("account_unreadable", "consumer")
    assert parked.detail is not None
    assert "Have the message sent again" in parked.detail
    letters = ParkedMessages().read(member.connection, 0)
    assert letters is not None
    assert [letter.key for letter in letters.records] == [b"bad"]
    repair()
    assert member.apply(payment(payment_id, "bad", 5)) == ["applied"]
    discard_message(member.connection, parked.id, "Sent again.", OPERATOR)
    assert posted(database, "bad") == -7


@pytest.mark.usefixtures("accounts")
def test_a_deferred_message_can_be_discarded(database: TestDatabase, member: Member) -> None:
    damage(database, DAMAGES["bytes that are not JSON"])
    member.apply(payment("p-3", "bad", 5))
    (waiting,) = inbox(database, status=MessageStatus.WAITING)
    discard_message(member.connection, waiting.id, "Sent by mistake.", OPERATOR)
    assert retry_deferred(member.connection) == Deferred()


def test_the_consumer_goes_on_and_says_which_account_it_cannot_decide_on(
    database: TestDatabase, topics: str
) -> None:
    """It is ready again once the account is repaired, without an operator."""
    with Database(database.service_url).connect() as connection:
        record(connection, [opening("bad"), payment_of("bad", "p-1", 1), opening("good")])
    repair = damage(database, DAMAGES["an unknown kind of event"])
    sender = Sender(topics)
    with consuming(settings_for(database, topics)) as consumer:
        for number in range(20):
            sender.send(SUBMITTED, payment(f"q-{number}", "bad" if number % 2 else "good", 1))
        sender.flush()
        wait_for_messages(database, 20)
        wait_until(lambda: "one is bad" in consumer.health().detail)
        assert not consumer.health().ready
        assert consumer.health().figures["deferred_messages"] == 10
        assert posted(database, "good") == -10
        repair()
        wait_until(lambda: inbox(database, status=MessageStatus.WAITING) == [])
        wait_until(lambda: consumer.health().ready)
    assert posted(database, "bad") == -11

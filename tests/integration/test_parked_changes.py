"""A parked freeze or limit change raises an alarm until an operator or a newer version ends it."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from harness.commands import OPERATOR, limit_change, opening, team_status
from harness.histories import record
from harness.inbound import (
    LIMIT_CHANGED,
    STATUS_CHANGED,
    Body,
    Sender,
    consuming,
    execute,
    inbox,
    limit_changed,
    payment,
    settings_for,
    status_changed,
    wait_for_messages,
)
from harness.members import Member
from harness.postgres import TestDatabase
from harness.waiting import wait_until
from txplatform.consumers.parked_messages import discard_message, retry_message
from txplatform.contracts.inbound_messages import MessageStatus
from txplatform.database import Database
from txplatform.doctor.inbox import check_parked_changes
from txplatform.domain.ids import AccountId
from txplatform.inbox.alarms import apply_waited, describe_alarms, find_alarms


@pytest.fixture
def member(database: TestDatabase) -> Iterator[Member]:
    """A member of the consumer group, and an open account."""
    with Database(database.service_url).connect() as connection:
        record(connection, [opening("acc-1")])
        yield Member(connection)


def alarming(connection: psycopg.Connection) -> list[str | None]:
    """Return the accounts with an alarm; check that the doctor agrees."""
    alarms = find_alarms(connection)
    (finding,) = check_parked_changes(connection)
    assert (finding.status.value == "failed") == bool(alarms)
    return [alarm.account_id for alarm in alarms]


UNREADABLE = status_changed("frozen", 2) | {"status_version": "x"}
IN_EUROS = limit_changed("acc-1", 2, 10) | {"currency": "EUR"}
PARKED: dict[str, tuple[Body, bool]] = {
    "a status that is unknown": (status_changed("stopped", 2), True),
    "a status that is no text": (status_changed("frozen", 2) | {"status": 3}, True),
    "a freeze with an unreadable version": (
        status_changed("frozen", 2) | {"status_version": "x"},
        True,
    ),
    "no status": ({"account_id": "acc-1", "status_version": 2}, True),
    "active, with an unreadable version": (
        status_changed("active", 2) | {"status_version": "x"},
        False,
    ),
    "active, in capitals": (status_changed(" ACTIVE ", 2) | {"status_version": None}, False),
    "a limit change in another currency": (IN_EUROS, True),
    "a limit change without a limit": (IN_EUROS | {"credit_limit": None}, True),
    "a payment in another currency": (payment("p-1", "acc-1", 5, currency="EUR"), False),
}


@pytest.mark.parametrize(("body", "alarms"), PARKED.values(), ids=PARKED)
def test_a_parked_change_alarms_unless_it_is_readably_active(
    member: Member, body: Body, *, alarms: bool
) -> None:
    assert alarming(member.connection) == []
    assert member.apply(body) == ["parked"]
    assert alarming(member.connection) == (["acc-1"] if alarms else [])


@pytest.mark.parametrize(("version", "ends"), [(1, False), (2, True), (3, True)])
@pytest.mark.parametrize("kind", ["status", "limit"])
def test_an_applied_message_of_the_same_or_a_higher_version_ends_the_alarm(
    member: Member, kind: str, version: int, *, ends: bool
) -> None:
    """A change of the other kind, or of another account, does not."""
    record(member.connection, [opening("acc-2")])
    status = kind == "status"
    member.apply(status_changed("stopped", 2) if status else IN_EUROS)
    change = (
        team_status("acc-1", version, "active") if status else limit_change("acc-1", version, 5)
    )
    other = limit_change("acc-1", 9, 5) if status else team_status("acc-1", 9, "active")
    elsewhere = team_status("acc-2", 9, "active") if status else limit_change("acc-2", 9, 5)
    record(member.connection, [other, elsewhere])
    assert alarming(member.connection) == ["acc-1"]
    record(member.connection, [change])
    assert alarming(member.connection) == ([] if ends else ["acc-1"])


def test_a_discard_ends_the_alarm_and_a_replay_does_not_raise_it_again(
    database: TestDatabase, member: Member
) -> None:
    member.apply(status_changed("stopped", 2))
    (parked,) = inbox(database, status=MessageStatus.PARKED)
    discard_message(member.connection, parked.id, "The card was found.", OPERATOR)
    assert alarming(member.connection) == []
    assert member.apply(status_changed("stopped", 2)) == ["discarded"]
    assert alarming(member.connection) == []


def test_a_retry_that_succeeds_ends_the_alarm_and_a_replay_does_not_raise_it_again(
    database: TestDatabase, member: Member
) -> None:
    """Here the same version with another limit was applied by mistake, and then removed."""
    member.apply(limit_changed("acc-1", 2, 99))
    member.apply(limit_changed("acc-1", 2, 10))
    assert alarming(member.connection) == []  # version 2 was applied
    body = limit_changed("acc-9", 1, 10) | {"currency": "EUR"}
    record(member.connection, [opening("acc-9")])
    member.apply(body)
    assert alarming(member.connection) == ["acc-9"]
    parked = inbox(database, status=MessageStatus.PARKED)[-1]
    execute(database, "ALTER TABLE events DISABLE TRIGGER USER")
    execute(
        database,
        "UPDATE events SET state = replace(convert_from(state, 'UTF8'), 'USD', 'EUR')::bytea"
        " WHERE originator_id = 'account-acc-9'",
    )
    assert retry_message(member.connection, parked.id, OPERATOR).status is MessageStatus.APPLIED
    assert alarming(member.connection) == []
    assert member.apply(body) == ["duplicate"]


def test_a_limit_change_that_waited_and_was_then_rejected_alarms(
    database: TestDatabase, member: Member
) -> None:
    """One that waited and was applied does not, and is not looked at again."""
    waiting = [limit_changed("acc-2", 1, 5) | {"currency": "EUR"}, limit_changed("acc-2", 2, 5)]
    assert member.apply(*waiting) == ["waiting", "waiting"]
    assert alarming(member.connection) == []
    record(member.connection, [opening("acc-2", currency="EUR")])
    apply_waited(member.connection)
    assert alarming(member.connection) == ["acc-2"]
    statuses = execute(database, "SELECT status FROM inbound_messages ORDER BY id")
    assert statuses == [("applied",), ("waiting",)]
    assert [message.status.value for message in inbox(database)] == ["applied", "parked"]


def test_a_change_whose_key_is_no_account_alarms_until_it_is_settled(member: Member) -> None:
    member.apply(status_changed("frozen", 1) | {"account_id": "not an id"})
    assert alarming(member.connection) == [None]
    assert "an unknown account" in describe_alarms(find_alarms(member.connection))


def test_a_change_of_an_account_that_cannot_be_read_alarms(
    database: TestDatabase, member: Member
) -> None:
    member.apply(status_changed("stopped", 1))
    execute(database, "ALTER TABLE events DISABLE TRIGGER USER")
    execute(database, "UPDATE events SET state = 'no json'")
    assert alarming(member.connection) == ["acc-1"]


def test_the_consumer_says_and_counts_which_changes_are_parked(
    database: TestDatabase, topics: str
) -> None:
    """It stays ready, since it works."""
    with Database(database.service_url).connect() as connection:
        record(connection, [opening("acc-1")])
        sender = Sender(topics)
        with consuming(settings_for(database, topics)) as consumer:
            sender.send(STATUS_CHANGED, status_changed("stopped", 2))
            sender.send(LIMIT_CHANGED, IN_EUROS)
            sender.flush()
            wait_for_messages(database, 2)
            wait_until(lambda: consumer.health().figures.get("alarms") == 2)
            health = consumer.health()
            assert health.ready
            assert "1 parked status change and 1 parked limit change" in health.detail
            assert "acc-1" in health.detail
            record(connection, [team_status("acc-1", 2, "frozen"), limit_change("acc-1", 2, 5)])
            wait_until(lambda: consumer.health().figures.get("alarms") == 0)
            assert "ALARM" not in consumer.health().detail
    assert AccountId("acc-1") == inbox(database)[0].account_id

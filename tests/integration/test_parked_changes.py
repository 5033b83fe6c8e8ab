"""A parked freeze or limit change raises an alarm until an operator or a newer version ends it."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from harness.commands import OPERATOR, opening
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
from txplatform.inbox.alarms import describe_alarms, end_overtaken, find_alarms


@pytest.fixture
def member(database: TestDatabase) -> Iterator[Member]:
    """A member of the consumer group, and an open account."""
    with Database(database.service_url).connect() as connection:
        record(connection, [opening("acc-1")])
        yield Member(connection)


def alarming(connection: psycopg.Connection) -> list[str | None]:
    """Return the accounts with an alarm; check that the doctor agrees."""
    alarms = find_alarms(connection)
    assert alarms.fault == ""
    (finding,) = check_parked_changes(connection)
    assert (finding.status.value == "failed") == bool(alarms.first)
    return [alarm.account_id for alarm in alarms.first]


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
@pytest.mark.parametrize("parked_first", [False, True])
def test_an_applied_message_of_the_same_or_a_higher_version_ends_the_alarm(
    member: Member, kind: str, version: int, *, parked_first: bool, ends: bool
) -> None:
    """A change of the other kind, or of another account, does not."""
    record(member.connection, [opening("acc-2")])
    status = kind == "status"
    parked = status_changed("stopped", 2) if status else limit_changed("acc-1", 2, -1)
    changes = [status_changed("active", version), limit_changed("acc-1", version, 5)]
    change, _ = changes if status else changes[::-1]
    others = [limit_changed("acc-1", 9, 5), status_changed("active", 9)]
    other, same = others if status else others[::-1]
    member.apply(other, same | {"account_id": "acc-2"})
    member.apply(*([parked] if parked_first else [change]))
    assert alarming(member.connection) == (["acc-1"] if parked_first else [])
    member.apply(*([change] if parked_first else [parked]))
    assert alarming(member.connection) == ([] if ends else ["acc-1"])
    end_overtaken(member.connection)
    assert alarming(member.connection) == ([] if ends else ["acc-1"])


@pytest.mark.parametrize("parked_first", [False, True])
@pytest.mark.parametrize("kind", ["status", "limit"])
def test_only_a_higher_version_ends_the_alarm_of_a_conflicting_copy(
    member: Member, kind: str, *, parked_first: bool
) -> None:
    """The same version was applied with other fields, so the account may go on buying."""

    def change(version: int, *, strict: bool) -> Body:
        if kind == "status":
            return status_changed("frozen" if strict else "active", version)
        return limit_changed("acc-1", version, 10 if strict else 99)

    conflicting, newer = change(3, strict=True), change(4, strict=False)
    assert member.apply(change(3, strict=False)) == ["applied"]
    if parked_first:
        assert member.apply(conflicting) == ["parked"]
        assert alarming(member.connection) == ["acc-1"]
        assert member.apply(change(3, strict=False)) == ["duplicate"]
        end_overtaken(member.connection)
        assert alarming(member.connection) == ["acc-1"]
    assert member.apply(newer) == ["applied"]
    assert member.apply(conflicting) == ["duplicate" if parked_first else "parked"]
    assert alarming(member.connection) == []


CARD = "4111 1111 1111 1111"


@pytest.mark.parametrize("lost", ["dropped", "withheld"])
def test_an_alarm_needs_no_contents(database: TestDatabase, member: Member, lost: str) -> None:
    """They were dropped, or withheld since the reason holds a card number."""
    active = status_changed("active", 3) | {"account_id": "acc-9", "reason": CARD}
    stopped = status_changed("stopped", 2) | {"reason": CARD if lost == "withheld" else "Lost."}
    assert member.apply_raw(b"acc-1", active) == "parked"  # key_mismatch
    assert member.apply_raw(b"acc-1", stopped) == "parked"
    if lost == "dropped":
        execute(database, "DELETE FROM inbound_contents")
    assert alarming(member.connection) == ["acc-1"]
    assert member.apply(status_changed("frozen", 2)) == ["applied"]
    assert alarming(member.connection) == []


@pytest.mark.parametrize("key", [None, b"no id", b""])
def test_the_good_copy_of_a_message_whose_key_is_no_account_ends_its_alarm(
    member: Member, key: bytes | None
) -> None:
    """The row has the account of the body."""
    assert member.apply_raw(key, status_changed("frozen", 1)) == "parked"
    assert alarming(member.connection) == ["acc-1"]
    assert member.apply(status_changed("frozen", 1)) == ["applied"]
    assert alarming(member.connection) == []


def test_the_row_has_an_account_whose_id_looks_like_a_card_number(member: Member) -> None:
    account_id = "tx-4111111111111111"
    record(member.connection, [opening(account_id)])
    body = status_changed("stopped", 1) | {"account_id": account_id}
    assert member.apply(body) == ["parked"]
    assert alarming(member.connection) == [account_id]
    assert member.apply(body | {"status": "frozen"}) == ["applied"]
    assert alarming(member.connection) == []


def test_no_version_ends_the_alarm_of_a_message_that_names_two_accounts(member: Member) -> None:
    """It is not known which account was to be frozen."""
    record(member.connection, [opening("acc-2")])
    assert member.apply_raw(b"acc-2", status_changed("frozen", 1)) == "parked"
    for account_id in ("acc-1", "acc-2"):
        member.apply(status_changed("frozen", 2) | {"account_id": account_id})
    assert alarming(member.connection) == ["acc-2"]


def test_a_status_in_a_limit_change_is_not_read(member: Member) -> None:
    member.apply(IN_EUROS | {"status": "active"})
    assert alarming(member.connection) == ["acc-1"]


def test_thousands_of_parked_changes_are_counted_and_few_are_named(
    database: TestDatabase, member: Member
) -> None:
    """What is overtaken is not looked at again; a look ends a part, so that it is short."""
    member.apply(status_changed("stopped", 1), status_changed("frozen", 2))
    execute(
        database,
        'INSERT INTO inbound_messages (cluster_id, topic, topic_id, partition, "offset",'
        " withheld, content_hmac, traceparent, account_id, first_status, status, alarms_until)"
        " SELECT cluster_id, topic, topic_id, partition, 1000 + n, false,"
        " sha256(n::text::bytea), '', account_id, 'parked', 'parked', CASE mod(n, 2)"
        " WHEN 0 THEN 1 ELSE 3 END FROM inbound_messages, generate_series(1, 12000) n"
        " WHERE status = 'parked'",
    )
    for left in (11001, 10001, 9001, 8001, 7001, 6001, 6000):
        end_overtaken(member.connection)
        alarming = "SELECT count(*) FROM inbound_messages WHERE alarms_until IS NOT NULL"
        assert execute(database, alarming) == [(left,)]
    alarms = find_alarms(member.connection)
    assert (alarms.counts, alarms.fault) == ({STATUS_CHANGED: 6000}, "")
    assert describe_alarms(alarms).startswith("6000 parked status changes without effect")
    assert describe_alarms(alarms).count("message ") == 3


def test_a_look_that_fails_is_reported_and_the_alarms_stay(
    database: TestDatabase, member: Member
) -> None:
    member.apply(status_changed("stopped", 1))
    before = find_alarms(member.connection)
    with psycopg.connect(database.owner_url) as other:
        other.execute("LOCK TABLE inbound_messages IN ACCESS EXCLUSIVE MODE")
        for look in (find_alarms, end_overtaken):
            failed = look(member.connection)
            assert (failed.first, failed.fault) == ((), "QueryCanceled")
            (finding,) = check_parked_changes(member.connection)
            assert finding.status.value == "failed"
        other.rollback()
    known = before.followed_by(failed)
    assert known.counts == {STATUS_CHANGED: 1}
    assert "could not be looked up: QueryCanceled" in describe_alarms(known)
    assert known.followed_by(find_alarms(member.connection)) == before


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
    """Here the account had the wrong currency."""
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
    """Not before. A higher version that waited too ends the alarm once it is applied."""
    in_euros = {"currency": "EUR"}
    for account_id in ("acc-2", "acc-3"):
        waiting = [limit_changed(account_id, 1, 5) | in_euros, limit_changed(account_id, 2, 5)]
        assert member.apply(*waiting) == ["waiting", "waiting"]
    assert member.apply(limit_changed("acc-3", 3, 5) | in_euros) == ["waiting"]
    assert alarming(member.connection) == []
    record(member.connection, [opening("acc-2", currency="EUR")])
    record(member.connection, [opening("acc-3", currency="EUR")])
    assert alarming(member.connection) == ["acc-2"]
    statuses = [message.status.value for message in inbox(database)]
    assert statuses == ["applied", "parked", "applied", "parked", "applied"]
    parked = inbox(database, status=MessageStatus.PARKED)[0]
    discard_message(member.connection, parked.id, "Sent in error.", OPERATOR)
    assert alarming(member.connection) == []


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
            sender.send(STATUS_CHANGED, status_changed("frozen", 2))
            sender.send(LIMIT_CHANGED, limit_changed("acc-1", 2, 5))
            sender.flush()
            wait_until(lambda: consumer.health().figures.get("alarms") == 0)
            assert "ALARM" not in consumer.health().detail
    assert AccountId("acc-1") == inbox(database)[0].account_id

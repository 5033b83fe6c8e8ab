"""Parked and waiting messages are counted with their age and their money."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry

from harness.commands import opening
from harness.histories import record
from harness.inbound import (
    LIMIT_CHANGED,
    PRESENTED,
    RETURNED,
    SUBMITTED,
    execute,
    limit_changed,
    opened,
    payment,
    presentment,
    returned,
)
from harness.members import Member
from harness.postgres import TestDatabase
from harness.read_models import catch_up
from txplatform.consumers.metrics import UnsettledGauges
from txplatform.database import Database
from txplatform.doctor.finding import FindingStatus
from txplatform.doctor.inbox import check_parked_messages, check_waiting_advices
from txplatform.inbox.unsettled import MOST, Unsettled, parked_messages
from txplatform.projections.waiting_advices import waiting_by_topic

CARD = "4111111111111111"


@pytest.fixture
def member(database: TestDatabase) -> Iterator[Member]:
    """A member of the consumer group, and an open account in USD."""
    with Database(database.service_url).connect() as connection:
        record(connection, [opening("acc-1")])
        yield Member(connection)


def counted(found: list[Unsettled]) -> set[tuple[str, str | None, int, int]]:
    """Return topic, currency, number and amount of messages without effect."""
    assert all(each.oldest_s >= 0 for each in found)
    return {each[:4] for each in found}


def test_parked_messages_are_counted_by_topic_and_currency_until_they_are_settled(
    member: Member, database: TestDatabase
) -> None:
    assert counted(parked_messages(member.connection)) == set()
    (nothing,) = check_parked_messages(member.connection)
    assert nothing.status is FindingStatus.OK
    statuses = member.apply(
        payment("p-1", "acc-1", 1050, currency="EUR"),
        payment("p-2", "acc-1", 200, currency="EUR"),
        payment("p-3", "acc-1", 5000, currency="JPY"),
        payment("p-4", "acc-1", 300) | {"payment_id": None},
        payment("p-5", "acc-1", 7) | {"amount": "much"},
        payment("p-6", "acc-1", 8, currency="EUR") | {"reference": CARD},
        limit_changed("acc-1", 2, 10) | {"currency": "EUR"},
        payment("p-7", "acc-1", 9),
    )
    assert statuses == ["parked"] * 7 + ["applied"]
    assert counted(parked_messages(member.connection)) == {
        (SUBMITTED, "EUR", 2, 1250),
        (SUBMITTED, "JPY", 1, 5000),
        (SUBMITTED, "USD", 1, 300),
        (SUBMITTED, None, 2, 0),  # an amount that cannot be read, and one beside a card number
        (LIMIT_CHANGED, None, 1, 0),
    }
    execute(database, "UPDATE inbound_messages SET received_at = now() - interval '25 hours'")
    (finding,) = check_parked_messages(member.connection)
    assert finding.status is FindingStatus.WARNING
    assert finding.detail.startswith("7 messages parked, the oldest for 25 h.")
    assert f"{SUBMITTED}: 6 messages with " in finding.detail
    for money in ("12.50 EUR", "5,000 JPY", "3.00 USD"):
        assert money in finding.detail
    execute(database, "UPDATE inbound_messages SET status = 'discarded' WHERE status = 'parked'")
    assert counted(parked_messages(member.connection)) == set()


def test_a_message_that_waited_and_was_rejected_is_parked(member: Member) -> None:
    assert member.apply(payment("p-1", "acc-2", 100, currency="EUR")) == ["waiting"]
    catch_up(member.connection)
    assert counted(waiting_by_topic(member.connection)) == {(SUBMITTED, "EUR", 1, 100)}
    assert counted(parked_messages(member.connection)) == set()
    assert member.apply(opened("acc-2")) == ["applied"]
    catch_up(member.connection)
    assert counted(waiting_by_topic(member.connection)) == set()
    assert counted(parked_messages(member.connection)) == {(SUBMITTED, "EUR", 1, 100)}


def test_waiting_advices_are_counted_by_topic_and_currency(member: Member) -> None:
    """A limit change has no money."""
    member.apply(
        payment("p-1", "new", 1000),
        payment("p-2", "new", 250, currency="EUR"),
        returned("p-3", "acc-1", 40),
        presentment("c-1", 60, account_id="new"),
        limit_changed("new", 2, 10),
    )
    catch_up(member.connection)
    assert counted(waiting_by_topic(member.connection)) == {
        (SUBMITTED, "USD", 1, 1000),
        (SUBMITTED, "EUR", 1, 250),
        (RETURNED, "USD", 1, 40),
        (PRESENTED, "USD", 1, 60),
        (LIMIT_CHANGED, None, 1, 0),
    }
    (finding,) = check_waiting_advices(member.connection)
    assert f"{SUBMITTED}: 2 messages with " in finding.detail
    assert "2.50 EUR" in finding.detail


def test_the_gauges_show_each_topic_and_forget_money_that_has_arrived(member: Member) -> None:
    registry = CollectorRegistry()
    gauges = UnsettledGauges("parked", "Parked messages.", registry)
    member.apply(payment("p-1", "acc-1", 1050, currency="EUR"))
    gauges.show(parked_messages(member.connection))
    money = {"topic": SUBMITTED, "currency": "EUR"}
    assert registry.get_sample_value("parked", {"topic": SUBMITTED}) == 1
    assert registry.get_sample_value("parked", {"topic": RETURNED}) == 0
    assert registry.get_sample_value("parked_amount_minor", money) == 1050
    assert registry.get_sample_value("parked_oldest_seconds", {"topic": SUBMITTED}) is not None
    gauges.show([])
    assert registry.get_sample_value("parked", {"topic": SUBMITTED}) == 0
    assert registry.get_sample_value("parked_amount_minor", money) is None


def test_of_many_parked_messages_ten_thousand_are_counted(
    member: Member, database: TestDatabase
) -> None:
    member.apply(payment("p-1", "acc-1", 2, currency="EUR"))
    execute(
        database,
        """
        INSERT INTO inbound_messages (cluster_id, topic, topic_id, partition, "offset", withheld,
            content_hmac, traceparent, first_status, status, amount_minor, currency)
        SELECT cluster_id, topic, topic_id, partition, 1000 + n, withheld, content_hmac,
            traceparent, first_status, status, amount_minor, currency
        FROM inbound_messages, generate_series(1, 20000) n
        """,
    )
    assert counted(parked_messages(member.connection)) == {(SUBMITTED, "EUR", MOST, 2 * MOST)}
    (finding,) = check_parked_messages(member.connection)
    assert finding.detail.startswith(f"at least {MOST} messages parked")

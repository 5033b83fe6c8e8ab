"""Presentments from the network and statuses from the accounts team, over a real Kafka."""

from __future__ import annotations

from typing import Any

import pytest

from harness.commands import opening, purchase
from harness.histories import read_whole_log, record, stored_account
from harness.inbound import (
    OPENED,
    PRESENTED,
    STATUS_CHANGED,
    Body,
    Sender,
    consume_in_any_order,
    consuming,
    inbox,
    opened,
    presentment,
    settings_for,
    status_changed,
    wait_for_messages,
)
from harness.postgres import TestDatabase
from harness.waiting import wait_until
from txplatform.database import Database


def take(database: TestDatabase, topics: str, *messages: tuple[str, Body]) -> list[str]:
    """Send messages one after the other; return the outcome of each."""
    before = len(inbox(database))
    sender = Sender(topics)
    with consuming(settings_for(database, topics)):
        for step, (topic, body) in enumerate(messages, start=before + 1):
            sender.send(topic, body)
            sender.flush()
            wait_for_messages(database, step)
    return [
        f"{message.status.value} {message.reason or ''}".strip()
        for message in inbox(database)[before:]
    ]


def account(database: TestDatabase) -> Any:
    """Load the account of these tests from its events."""
    return stored_account(database, "acc-1")


def kinds(database: TestDatabase) -> list[str]:
    """Return the types of all events in the log."""
    with Database(database.service_url).connect() as connection:
        return [logged.event.TOPIC for logged in read_whole_log(connection)]


@pytest.fixture
def held(database: TestDatabase) -> TestDatabase:
    """A database in which `tx` holds 1,000 of `acc-1`."""
    with Database(database.service_url).connect() as connection:
        record(connection, [opening("acc-1"), purchase("acc-1", "tx", 1000)])
    return database


def test_a_debit_clears_a_credit_refunds_and_a_correction_takes_back(
    held: TestDatabase, topics: str
) -> None:
    """Duplicates have no effect; amounts follow docs/contracts.md."""
    came = take(
        held,
        topics,
        (PRESENTED, presentment("c1", 400, final=False)),
        (PRESENTED, presentment("c1", 400, final=False)),
        (PRESENTED, presentment("c2", 500)),
        (PRESENTED, presentment("c3", 120, direction="credit")),
        (PRESENTED, presentment("c4", 400, direction="credit", reverses_clearing_id="c1")),
        (PRESENTED, presentment("c4", 400, direction="credit", reverses_clearing_id="c1")),
        (PRESENTED, presentment("c5", 120, direction="debit", reverses_clearing_id="c3")),
        (PRESENTED, presentment("c6", 70, transaction_id=None, merchant=None)),
    )
    assert came == ["applied", "duplicate", *["applied"] * 3, "duplicate", *["applied"] * 2]
    assert kinds(held)[2:] == [
        "purchase-cleared",
        "purchase-cleared",
        "purchase-refunded",
        "clearing-corrected",
        "clearing-corrected",
        "purchase-cleared",
    ]
    found = account(held)
    assert (found.posted, found.pending) == (500 + 70, 0)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (presentment("c", amount=0, final=False), "schema_violation"),
        (presentment("c", amount=0, direction="credit"), "schema_violation"),
        (presentment("c", direction="both"), "schema_violation"),
        (presentment("c", final="yes"), "schema_violation"),
        (presentment("c", currency="EUR"), "currency_mismatch"),
        (presentment("c", currency="EUR", direction="credit"), "currency_mismatch"),
        (presentment("c", currency="EUR", reverses_clearing_id="x"), "currency_mismatch"),
    ],
)
def test_an_invalid_presentment_is_parked_alone(
    held: TestDatabase, topics: str, body: Body, reason: str
) -> None:
    """Later messages are applied, including a valid one with the same id."""
    came = take(
        held,
        topics,
        (PRESENTED, body),
        (PRESENTED, presentment("n")),
        (PRESENTED, presentment("c")),
    )
    assert came == [f"parked {reason}", "applied", "applied"]


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": 101},
        {"final": False},
        {"transaction_id": "other"},
        {"reverses_clearing_id": "x"},
    ],
)
def test_the_same_id_with_other_contents_is_parked(
    held: TestDatabase, topics: str, changes: Body
) -> None:
    """The first message stands."""
    came = take(
        held,
        topics,
        (PRESENTED, presentment("c")),
        (PRESENTED, {**presentment("c"), **changes}),
    )
    assert came == ["applied", "parked conflicting_copy"]
    assert account(held).posted == 100


def test_presentments_wait_until_the_account_is_opened(database: TestDatabase, topics: str) -> None:
    """The opening applies them in order, and rejects those in another currency."""
    came = take(
        database,
        topics,
        (PRESENTED, presentment("c1", 300)),
        (PRESENTED, presentment("c2", 100, direction="credit")),
        (PRESENTED, presentment("c3", 300, direction="credit", reverses_clearing_id="c1")),
        (PRESENTED, presentment("c4", 50, currency="EUR")),
        (OPENED, opened("acc-1")),
        (PRESENTED, presentment("c1", 300)),
    )
    assert came == [*["applied"] * 3, "parked currency_mismatch", "applied", "duplicate"]
    assert kinds(database)[:5] == [
        "clearing-waiting",
        "refund-waiting",
        "correction-waiting",
        "clearing-waiting",
        "account-opened",
    ]
    assert account(database).posted == -100
    assert kinds(database)[-1] == "waiting-message-rejected"


def test_i2_any_order_gives_the_same_balance(database: TestDatabase, topics: str) -> None:
    """Every message is also sent twice."""
    messages = [
        (OPENED, opened("acc-1")),
        (PRESENTED, presentment("c1", 400, final=False)),
        (PRESENTED, presentment("c2", 500)),
        (PRESENTED, presentment("c3", 120, direction="credit")),
        (PRESENTED, presentment("c4", 400, direction="credit", reverses_clearing_id="c1")),
        (PRESENTED, presentment("c5", 33, transaction_id=None)),
    ]
    accounts = consume_in_any_order(database, topics, messages, seed=7)
    found = {stored_account(database, each).posted for each in accounts}
    assert found == {500 - 120 + 33}


def test_the_highest_status_version_applies_and_closed_is_permanent(
    held: TestDatabase, topics: str
) -> None:
    """An older version is stale. The same version with another status is parked."""
    came = take(
        held,
        topics,
        (STATUS_CHANGED, status_changed("frozen", 2)),
        (STATUS_CHANGED, status_changed("active", 1)),
        (STATUS_CHANGED, status_changed("frozen", 2)),
        (STATUS_CHANGED, status_changed("active", 2)),
        (STATUS_CHANGED, status_changed("open", 3)),
    )
    assert came == [
        "applied",
        "stale",
        "duplicate",
        "parked conflicting_copy",
        "parked schema_violation",
    ]
    assert account(held).status == "frozen"
    take(
        held,
        topics,
        (STATUS_CHANGED, status_changed("closed", 4)),
        (STATUS_CHANGED, status_changed("active", 5)),
        (PRESENTED, presentment("c", 1000)),
    )
    wait_until(lambda: account(held).posted == 1000)
    assert account(held).status == "closed"

"""Corrections, completions of zero, prenotes and reasons of a freeze, over a real Kafka."""

from __future__ import annotations

from typing import Any

import pytest

from harness.commands import opening, purchase
from harness.histories import record, stored_account
from harness.inbound import (
    OPENED,
    PRESENTED,
    RETURNED,
    STATUS_CHANGED,
    SUBMITTED,
    Body,
    Sender,
    consume_in_any_order,
    consuming,
    inbox,
    opened,
    payment,
    presentment,
    returned,
    settings_for,
    status_changed,
    wait_for_messages,
)
from harness.postgres import TestDatabase
from harness.verification import differences
from txplatform.database import Database
from txplatform.domain.status import FreezeReason

ACCOUNT = "acc-1"


def take(database: TestDatabase, topics: str, *messages: tuple[str, Body]) -> list[str]:
    """Send messages one after the other; return the status of each, after all have come."""
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


def correction(clearing_id: str, reverses: str, amount: int, **more: Any) -> Body:
    """Return a correction of a debit."""
    more = {"direction": "credit", "reverses_clearing_id": reverses, **more}
    return presentment(clearing_id, amount, **more)


@pytest.fixture
def held(database: TestDatabase) -> TestDatabase:
    """A database in which `tx` holds 1,000 of `acc-1`."""
    with Database(database.service_url).connect() as connection:
        record(connection, [opening(ACCOUNT), purchase(ACCOUNT, "tx", 1000)])
    return database


def test_corrections_wait_for_their_original_and_are_then_applied_or_parked(
    held: TestDatabase, topics: str
) -> None:
    came = take(
        held,
        topics,
        (PRESENTED, correction("y", "x", 10, direction="debit")),
        (PRESENTED, correction("x", "c", 40)),
        (PRESENTED, correction("wrong", "c", 40, direction="debit")),
        (PRESENTED, correction("never", "nobody", 1)),
        (PRESENTED, correction("x", "c", 40)),
        (PRESENTED, presentment("c", 100)),
        (PRESENTED, correction("late", "c", 1, direction="debit")),
        (PRESENTED, correction("wrong", "c", 40, direction="debit")),
    )
    assert came == [
        *("applied", "applied", "parked wrong_direction", "waiting", "duplicate", "applied"),
        *("parked wrong_direction", "duplicate wrong_direction"),
    ]
    account = stored_account(held, ACCOUNT)
    assert (account.posted, account.pending, [*account.waiting]) == (70, 0, ["clearing:never"])
    assert differences(held) == []


def test_a_completion_of_zero_ends_the_hold(held: TestDatabase, topics: str) -> None:
    """Amount 0 is allowed only for a final debit that takes nothing back."""
    refused = (
        presentment("c1", 0, final=False),
        presentment("c2", 0, direction="credit"),
        correction("c3", "c9", 0),
    )
    came = take(
        held, topics, *((PRESENTED, each) for each in refused), (PRESENTED, presentment("c4", 0))
    )
    assert came == [*["parked schema_violation"] * 3, "applied"]
    account = stored_account(held, ACCOUNT)
    assert (account.posted, account.pending) == (0, 0)


def test_presentments_share_their_ids(held: TestDatabase, topics: str) -> None:
    """A credit under the id of a debit contradicts it, and so does a correction."""
    came = take(
        held,
        topics,
        (PRESENTED, presentment("c", 100)),
        (PRESENTED, presentment("c", 100, direction="credit")),
        (PRESENTED, correction("c", "d", 100)),
    )
    assert came == ["applied", *["parked conflicting_copy"] * 2]


def test_i2_corrections_in_any_order_give_the_same_balance(
    database: TestDatabase, topics: str
) -> None:
    """Every message is sent twice. Some originals name a transaction, and some do not."""
    messages = [
        (OPENED, opened(ACCOUNT)),
        (PRESENTED, presentment("c1", 400, final=False)),
        (PRESENTED, correction("x1", "c1", 150)),
        (PRESENTED, correction("y1", "x1", 50, direction="debit")),
        (PRESENTED, presentment("c2", 90, transaction_id=None)),
        (PRESENTED, correction("x2", "c2", 90)),
        (PRESENTED, presentment("r1", 30, direction="credit", transaction_id=None)),
        (PRESENTED, correction("x3", "r1", 30, direction="debit")),
        (PRESENTED, correction("same", "c1", 400, direction="debit")),
        (PRESENTED, presentment("c3", 0)),
    ]
    accounts = consume_in_any_order(database, topics, messages, seed=20)
    for account_id in accounts:
        account = stored_account(database, account_id)
        assert (account.posted, len(account.waiting)) == (400 - 150 + 50, 0)
    assert differences(database) == []


def test_a_prenote_is_ignored_and_has_no_dead_letter(held: TestDatabase, topics: str) -> None:
    """A bank tests an account with a payment of amount 0, and may return it."""
    came = take(
        held,
        topics,
        (SUBMITTED, payment("p", ACCOUNT, 0)),
        (RETURNED, returned("p", ACCOUNT, 0)),
        (SUBMITTED, payment("p", ACCOUNT, 100)),
        (RETURNED, returned("p", ACCOUNT, 99)),
    )
    assert came == ["ignored", "ignored", "applied", "parked return_differs_from_payment"]
    ignored = inbox(held)[0]
    assert (ignored.account_id, ignored.business_key) == (ACCOUNT, "payment:p")
    with Database(held.service_url).connect() as connection:
        row = connection.execute(
            "SELECT count(*) FROM inbound_messages WHERE first_status = 'parked'"
        ).fetchone()
    assert row == (1,)


@pytest.mark.parametrize(
    ("code", "reason", "flags"),
    [
        ("stolen", FreezeReason.STOLEN, []),
        (" LOST ", FreezeReason.LOST, []),
        ("none", None, []),
        (None, None, []),
        ("deceased", None, []),
        ("not a code", None, ["description_incomplete"]),
    ],
)
def test_a_freeze_is_applied_whatever_its_reason_code(
    held: TestDatabase, topics: str, code: str | None, reason: FreezeReason | None, flags: list[str]
) -> None:
    body = {**status_changed("frozen", 1), "reason_code": code}
    assert take(held, topics, (STATUS_CHANGED, body)) == ["applied"]
    account = stored_account(held, ACCOUNT)
    assert (account.status, account.freeze_reason) == ("frozen", reason)
    assert list(inbox(held)[0].flags) == flags

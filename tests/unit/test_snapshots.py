"""The interval between snapshots, which keeps their cost proportional to the events."""

from __future__ import annotations

from datetime import timedelta

import pytest

from harness.rule_cases import NOW, buying
from txplatform.domain.account import Account
from txplatform.domain.ids import AccountId, TransactionId
from txplatform.eventstore.snapshot import encode_account, snapshot_due


def _account(holds: int) -> Account:
    account = Account.unopened(AccountId("acc"))
    for number in range(holds):
        account.hold(TransactionId(f"t{number}"), 1, None)
    return account


@pytest.mark.parametrize(
    ("holds", "interval"), [(0, 10), (10, 10), (11, 20), (100, 160), (1000, 1280)]
)
def test_the_interval_of_snapshots_grows_with_the_holds(holds: int, interval: int) -> None:
    """The interval is at least the configured number of events."""
    account = _account(holds)
    due = [version for version in range(1, 4 * interval) if snapshot_due(account, version, 10)]
    assert due == [interval, 2 * interval, 3 * interval]


@pytest.mark.parametrize(("merchants", "interval"), [(10, 10), (11, 20), (1000, 1280)])
def test_the_interval_of_snapshots_grows_with_the_purchases(merchants: int, interval: int) -> None:
    """Purchases at one merchant in one minute share a row, so these are at different ones."""
    account = _account(0)
    for number in range(merchants):
        account.activity.add(NOW, buying(merchant=f"m-{number}"))
    due = [version for version in range(1, 4 * interval) if snapshot_due(account, version, 10)]
    assert due == [interval, 2 * interval, 3 * interval]


def test_the_snapshots_of_a_busy_account_are_smaller_than_its_events() -> None:
    """200 purchases a day, each at another merchant."""
    account, snapshots, events = _account(0), 0, 0
    for number in range(90 * 200):
        bought = buying(merchant=f"merchant-{number % 5000}")
        account.activity.add(NOW + number * timedelta(days=1) / 200, bought)
        events += 500
        if snapshot_due(account, number, 100):
            snapshots += len(encode_account(account))
    assert snapshots < events / 2


def test_the_written_holds_stay_in_proportion_to_the_events() -> None:
    """The cost of writing holds is proportional to the number of holds, not to its square."""
    account, written = _account(0), 0
    for version in range(1, 5001):
        account.hold(TransactionId(f"t{version}"), 1, None)
        if snapshot_due(account, version, 10):
            written += len(account.holds)
    assert written < 5 * 5000

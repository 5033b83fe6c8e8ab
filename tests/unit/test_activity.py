"""Account activity: windows are complete, purchases stay long enough, and state is restored."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.rule_cases import NOW, buying
from txplatform.domain.activity import (
    FINE_WINDOW,
    LONGEST_WINDOW,
    Activity,
    VelocityScope,
    minute_of,
)
from txplatform.domain.requests import Purchase

START = datetime(2026, 1, 1, tzinfo=UTC)
CLOCK_SKEW = timedelta(hours=2)
WINDOWS = (1, 5, 60, 180, FINE_WINDOW, FINE_WINDOW + 1, 7 * 24 * 60, LONGEST_WINDOW)


@dataclass(frozen=True)
class Approval:
    """A purchase and the time of its approval; an increment has count 0."""

    at: datetime
    purchase: Purchase
    count: int = 1


def history_of(seed: int, length: int) -> list[Approval]:
    """Return approvals in bursts over weeks, by processes with different clocks.

    Histories are built from a seed, since lists drawn by Hypothesis are too short to be compacted.
    """
    chance = random.Random(seed)
    typical_gap = chance.choice((10, 600, 6 * 3600, 20 * 3600))
    skews = chance.random() < 0.5
    raises = chance.choice((0, 0, 0.1, 0.5))
    now, made = START, []
    for _ in range(length):
        now += timedelta(seconds=chance.choice((0, 1, chance.expovariate(1 / typical_gap))))
        skew = CLOCK_SKEW * chance.uniform(-1, 1) if skews and chance.random() < 0.3 else None
        purchase = buying(
            chance.randrange(5000),
            merchant=chance.choice(("m-1", "m-1", "m-2", None)),
            category=chance.choice(("5942", "5942", "6011", None)),
            country=chance.choice(("GBR", "GBR", "GBR", "GBR", "GBR", "FRA", None)),
        )
        count = 0 if chance.random() < raises else 1
        made.append(Approval(now + (skew or timedelta(0)), purchase, count))
    return made


HISTORIES = st.builds(history_of, st.integers(0, 2**32), st.integers(0, 250))


def activity_of(history: list[Approval]) -> Activity:
    """Return the activity after these approvals."""
    activity = Activity()
    for approval in history:
        activity.add(approval.at, approval.purchase, count=approval.count)
    return activity


def shared(scope: VelocityScope, purchase: Purchase) -> str | None:
    """Return the value that groups purchases in this scope, such as the merchant id."""
    return {
        VelocityScope.ACCOUNT: "",
        VelocityScope.CATEGORY: purchase.merchant.category_code,
        VelocityScope.MERCHANT: purchase.merchant.id,
        VelocityScope.COUNTRY: purchase.merchant.country,
    }[scope]


def naive(
    history: list[Approval], after: datetime, scope: VelocityScope, purchase: Purchase
) -> tuple[int, int]:
    """Return count and amount in a window, computed from the complete history."""
    counted = [
        approval
        for approval in history
        if approval.at > after and shared(scope, approval.purchase) == shared(scope, purchase)
    ]
    return sum(each.count for each in counted), sum(each.purchase.amount for each in counted)


@settings(max_examples=300)
@given(
    HISTORIES,
    st.sampled_from(WINDOWS),
    st.sampled_from(VelocityScope),
    st.sampled_from((timedelta(0), timedelta(seconds=70), timedelta(hours=5), timedelta(days=29))),
    st.sampled_from(("m-1", "m-2", "m-3")),
    st.sampled_from(("GBR", "FRA")),
)
def test_a_window_is_never_shorter_and_at_most_one_resolution_longer(  # noqa: PLR0913
    history: list[Approval],
    window: int,
    scope: VelocityScope,
    later: timedelta,
    merchant: str,
    country: str,
) -> None:
    """The reference (`naive`) keeps all purchases and shares no code with the platform."""
    # given an account's history
    activity = activity_of(history)
    now = (history[-1].at if history else START) + later
    purchase = buying(merchant=merchant, country=country)
    # when a window is summed up
    since = minute_of(now) - window
    count = activity.count(since, scope, purchase.merchant)
    amount = activity.amount(since, scope, purchase.merchant)
    # then it includes the exact window and at most one resolution more
    behind = now < max((approval.at for approval in history), default=now)
    resolution = timedelta(minutes=1 if window <= FINE_WINDOW and not behind else 60)
    begins = now - timedelta(minutes=window)
    least = naive(history, begins, scope, purchase)
    most = naive(history, begins - resolution, scope, purchase)
    assert least[0] <= count <= most[0]
    assert least[1] <= amount <= most[1]


@given(HISTORIES, st.integers(0, 250))
def test_i1_a_restored_state_and_later_purchases_equal_the_whole_history(
    history: list[Approval], cut: int
) -> None:
    """The state is taken at any point, written as JSON and read again."""
    whole = activity_of(history)
    resumed = Activity.from_state(json.loads(json.dumps(activity_of(history[:cut]).state())))
    for approval in history[cut:]:
        resumed.add(approval.at, approval.purchase, count=approval.count)
    assert resumed == whole
    assert resumed.state() == whole.state()
    assert Activity.from_state(whole.state()) == whole
    minutes = whole.state()[2] if history else []
    assert minutes == sorted(minutes), "bisection needs sorted minutes"


def test_an_empty_activity_takes_almost_no_memory() -> None:
    """A million accounts may be cached."""
    activity = Activity()
    assert activity.state() == []
    assert Activity.from_state([]) == activity
    assert activity.__sizeof__() <= 32
    assert activity.count(0, VelocityScope.ACCOUNT, buying().merchant) == 0
    assert activity.countries == ()


def test_a_year_of_purchases_takes_the_space_of_thirty_days() -> None:
    """Older purchases have one row an hour, those of the last day one row a minute."""
    activity = Activity()
    for step in range(365 * 24 * 6):
        activity.add(START + timedelta(minutes=10 * step), buying())
    rows = len(activity.state()[3])
    assert rows <= 1.5 * (31 * 24 + 25 * 6) + 16


def test_purchases_of_a_slow_clock_are_counted() -> None:
    """A process whose clock is an hour slow approves after a process with a correct clock."""
    activity = Activity()
    activity.add(NOW, buying(1))
    activity.add(NOW - timedelta(hours=1), buying(10))
    merchant = buying().merchant
    assert activity.amount(minute_of(NOW) - 30, VelocityScope.ACCOUNT, merchant) == 1
    assert activity.amount(minute_of(NOW) - 90, VelocityScope.ACCOUNT, merchant) == 11
    # and the approval "in the future" counts in every window of the slow process
    assert (
        activity.count(minute_of(NOW - timedelta(hours=1)) - 1, VelocityScope.ACCOUNT, merchant)
        == 2
    )


def test_a_fast_clock_does_not_drop_other_purchases_early() -> None:
    """One approval comes from a process whose clock is 40 days fast."""
    activity = Activity()
    for minute in range(70):
        ahead = timedelta(days=40) if minute == 10 else timedelta(0)
        activity.add(NOW + timedelta(minutes=minute) + ahead, buying(1))
    merchant = buying().merchant
    since = minute_of(NOW + timedelta(minutes=69)) - 60
    assert activity.count(since, VelocityScope.ACCOUNT, merchant) == 61
    assert activity.amount(since, VelocityScope.ACCOUNT, merchant) == 61


def test_a_process_with_a_slow_clock_sees_its_whole_window() -> None:
    """A purchase outside another process's window is still inside the slow process's window."""
    activity = Activity()
    activity.add(NOW, buying(1))
    for _ in range(50):
        activity.add(NOW + timedelta(days=30, hours=20), buying(10))
    since = minute_of(NOW + timedelta(days=30)) - LONGEST_WINDOW
    assert activity.amount(since, VelocityScope.ACCOUNT, buying().merchant) == 501


@pytest.mark.parametrize("minute", [0, 15])
def test_rows_of_hours_stay_before_rows_of_minutes(minute: int) -> None:
    """Windows are found by bisection, so rows must be in order."""
    activity = Activity()
    begins = NOW.replace(minute=0)
    for early in (0, 1, 20):
        activity.add(begins + timedelta(minutes=early), buying(1))
    for _ in range(50):
        activity.add(begins + timedelta(days=1, minutes=minute), buying(10))
    minutes = activity.state()[2]
    assert minutes == sorted(minutes)
    since = minute_of(begins) + 1
    assert activity.amount(since, VelocityScope.ACCOUNT, buying().merchant) == 502


def test_a_purchase_makes_its_country_known_permanently() -> None:
    """An account verification does not make a country known."""
    activity = Activity()
    activity.add(NOW, buying(0, country="FRA"))
    assert "FRA" not in activity.countries
    activity.add(NOW, buying(1, country="FRA"))
    for days in range(200):
        activity.add(NOW + timedelta(days=days), buying(1))
    assert activity.countries == ("FRA", "GBR")


@pytest.mark.parametrize("amount", [999_999_999_999_999])
def test_the_largest_amounts_add_up(amount: int) -> None:
    """The sum of ten thousand such amounts exceeds 64 bits."""
    activity = Activity()
    for _ in range(10_000):
        activity.add(NOW, buying(amount))
    activity.add(NOW + timedelta(days=2), buying(amount))
    total = activity.amount(minute_of(NOW) - 1, VelocityScope.MERCHANT, buying().merchant)
    assert total == 10_001 * amount

"""Decisions are made by the database's clock, whatever the clocks of the machines show."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from harness.commands import ACCOUNT, NOW, opening, purchase
from harness.streams import Stream
from txplatform.database_clock import DatabaseClock
from txplatform.domain.activity import Activity, VelocityScope, minute_of
from txplatform.domain.commands.outcome import Outcome
from txplatform.domain.events import AuthorizationApproved
from txplatform.domain.requests import Merchant
from txplatform.domain.rules.velocity import VelocityCount
from txplatform.domain.rulesets import RuleSet

SECONDS = st.floats(0, 100_000)
ROUND_TRIPS = st.floats(0, 5)
SHARES = st.floats(0, 1)


@dataclass
class Machines:
    """The clocks of the database and of one process, both in seconds."""

    monotonic_s: float = 5000.0
    database_s: float = NOW.timestamp()

    def pass_time(self, seconds: float) -> None:
        """Let time pass on both."""
        self.monotonic_s += seconds
        self.database_s += seconds

    def measure(self, clock: DatabaseClock, round_trip_s: float, share: float) -> None:
        """Measure the clock; the database reads its clock after a share of the round trip."""
        before_s = self.monotonic_s
        self.pass_time(round_trip_s * share)
        answer = self.database_s
        self.pass_time(round_trip_s * (1 - share))
        clock.note(before_s, answer)

    def error_of(self, clock: DatabaseClock) -> float:
        """Return the error of a measured clock, in seconds."""
        return abs((clock.now() - datetime.fromtimestamp(self.database_s, UTC)).total_seconds())


@given(
    st.lists(st.tuples(SECONDS, st.floats(-1e6, 1e6), ROUND_TRIPS, SHARES), min_size=1, max_size=20)
)
def test_a_measured_clock_is_wrong_by_at_most_the_last_round_trip(
    steps: list[tuple[float, float, float, float]],
) -> None:
    """The database's clock jumps in both directions between the measurements."""
    machines = Machines()
    clock = DatabaseClock(lambda: machines.monotonic_s)
    for seconds, jump_s, round_trip_s, share in steps:
        machines.pass_time(seconds)
        machines.database_s += jump_s
        machines.measure(clock, round_trip_s, share)
        assert machines.error_of(clock) <= round_trip_s + 1e-5


@given(st.lists(st.tuples(SECONDS, ROUND_TRIPS, SHARES), min_size=1, max_size=20))
def test_a_slow_measurement_does_not_replace_a_fast_one(
    steps: list[tuple[float, float, float]],
) -> None:
    """If no clock jumps, the error is at most half the shortest round trip, or the first one's."""
    machines = Machines()
    clock = DatabaseClock(lambda: machines.monotonic_s)
    shortest = None
    for seconds, round_trip_s, share in steps:
        machines.pass_time(seconds)
        machines.measure(clock, round_trip_s, share)
        shortest = round_trip_s if shortest is None else min(shortest, round_trip_s)
        assert machines.error_of(clock) <= shortest + 1e-5


OFFSETS = st.sampled_from((0, 0, -7200, 7200, -40 * 86_400, 40 * 86_400, -1, 1))


@given(st.lists(st.tuples(st.floats(0, 7200), OFFSETS), min_size=1, max_size=40))
def test_the_time_of_an_account_never_goes_backwards(steps: list[tuple[float, int]]) -> None:
    """Each command is decided by a process whose measurement is off, in either direction."""
    stream, true_now, latest = Stream(), NOW, NOW
    for number, (seconds, off_s) in enumerate(steps):
        true_now += timedelta(seconds=seconds)
        asked = stream.now = true_now + timedelta(seconds=off_s)
        command = purchase(ACCOUNT, f"t{number}", 1) if number else opening(ACCOUNT)
        outcome = stream.ask(command)
        assert isinstance(outcome, Outcome)
        assert outcome.event.timestamp == (max(asked, latest) if number else asked)
        latest = outcome.event.timestamp
    times = [event.timestamp for event in stream.events]
    assert times == sorted(times)
    assert stream.account().last_event_at == latest


@given(
    st.lists(st.tuples(st.floats(0, 1800), OFFSETS, st.integers(0, 3)), min_size=1, max_size=60),
    st.lists(OFFSETS, min_size=4, max_size=4),
)
def test_no_velocity_limit_is_dodged_by_machines_whose_clocks_are_off_or_jump(
    steps: list[tuple[float, int, int]], offsets: list[int]
) -> None:
    """Four processes decide; the clocks of their machines differ and jump by hours and days."""
    stream = Stream(ruleset=RuleSet("limited", 1, "", (VelocityCount(60, 3),)))
    stream.ask(opening(ACCOUNT))
    machines = Machines()
    wall_s = [machines.database_s + offset for offset in offsets]
    clocks = [DatabaseClock(lambda: machines.monotonic_s) for _ in range(4)]
    for clock in clocks:
        machines.measure(clock, 0.001, 0.5)
    approved = []
    for number, (seconds, jump_s, process) in enumerate(steps):
        machines.pass_time(seconds)
        wall_s[process] += jump_s  # has no effect, since nothing reads it
        stream.now = clocks[process].now()
        outcome = stream.ask(purchase(ACCOUNT, f"t{number}", 1))
        assert isinstance(outcome, Outcome)
        if isinstance(outcome.event, AuthorizationApproved):
            approved.append(machines.database_s)
    gaps = [later - approved[place] for place, later in enumerate(approved[3:])]
    assert min(gaps, default=3600) > 3599, "four purchases in an hour"


def test_one_purchase_far_ahead_makes_no_earlier_purchase_forgotten() -> None:
    """The sixteenth purchase compacts the activity, and is 40 days ahead."""
    shop = purchase(ACCOUNT, "t", 1)
    activity = Activity()
    for minute in range(15):
        activity.add(NOW + timedelta(minutes=minute), shop)
    for _ in range(30):
        activity.add(NOW + timedelta(days=40), shop)
    since = minute_of(NOW) - 1
    assert activity.count(since, VelocityScope.ACCOUNT, Merchant("", "", "", "")) == 45

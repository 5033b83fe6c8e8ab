"""A lane's progress tells if decisions succeed, from its appends alone."""

from __future__ import annotations

import pytest

from txplatform.decisions.progress import RECENT_S, SLOW_S, Progress

FAULT = ConnectionRefusedError("the server is down")


class _Lane:
    """A lane's progress with a clock of its own."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.progress = Progress(lambda: self.time)

    def fails(self, seconds: float) -> None:
        """Attempt a batch for some seconds, and give it up."""
        self.progress.begin()
        self.time += seconds
        self.progress.fail(FAULT)
        self.progress.end()

    def appends(self) -> None:
        """Commit a batch at once."""
        self.progress.begin()
        self.progress.append()
        self.progress.end()


@pytest.fixture
def lane() -> _Lane:
    """A lane that has done nothing yet."""
    return _Lane()


def test_an_idle_lane_has_no_fault(lane: _Lane) -> None:
    assert not lane.progress.fault()
    lane.appends()
    lane.time += 3600
    assert not lane.progress.fault()


def test_an_append_that_waits_too_long_is_a_fault_until_it_succeeds(lane: _Lane) -> None:
    lane.progress.begin()
    lane.time += SLOW_S
    assert not lane.progress.fault()
    lane.time += 1
    assert lane.progress.fault() == "No decision has succeeded for 3 s."
    lane.progress.append()
    assert not lane.progress.fault()


def test_failures_one_after_another_are_one_fault(lane: _Lane) -> None:
    """At the beginning of the next batch the fault goes on."""
    for _ in range(3):
        lane.fails(1)
    lane.progress.begin()
    assert lane.progress.fault() == (
        "No decision has succeeded for 3 s. The last attempt failed: the server is down."
    )
    lane.progress.append()
    assert not lane.progress.fault()


def test_a_failure_that_the_next_attempt_repairs_is_no_fault(lane: _Lane) -> None:
    lane.fails(0.1)
    assert not lane.progress.fault()
    lane.time += 1
    lane.appends()
    lane.time += SLOW_S + 1
    assert not lane.progress.fault()


def test_an_old_failure_of_an_idle_lane_counts_no_longer(lane: _Lane) -> None:
    lane.fails(SLOW_S + 1)
    assert lane.progress.fault()
    lane.time += RECENT_S + 1
    assert not lane.progress.fault()
    lane.progress.begin()
    assert not lane.progress.fault()


def test_batches_that_append_nothing_neither_make_nor_end_a_fault(lane: _Lane) -> None:
    """Reads succeed while appends fail, for example during a lock against writers."""
    lane.fails(SLOW_S + 1)
    lane.progress.begin()
    lane.progress.end()
    assert lane.progress.fault()

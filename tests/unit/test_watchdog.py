"""A process ends if its clock was set back, or if one of its parts hangs."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from txplatform.health import Health
from txplatform.watchdog import Watchdog


@dataclass
class Clocks:
    """A wall clock that can be set, and a steady one."""

    wall_s: float = 1_000_000.0
    steady_s: float = 50.0

    def pass_(self, seconds: float) -> None:
        """Let time pass on both."""
        self.wall_s += seconds
        self.steady_s += seconds


def watchdog(clocks: Clocks, health: dict[str, Health]) -> Watchdog:
    return Watchdog(lambda: health, wall=lambda: clocks.wall_s, steady=lambda: clocks.steady_s)


@pytest.mark.parametrize(
    ("step_s", "reason"),
    [
        (-3600, "the clock was set back by 3600 s, which the Kafka client waits out"),
        (-6, "the clock was set back by 6 s, which the Kafka client waits out"),
        (-4, ""),
        (3600, ""),
    ],
)
def test_only_a_clock_that_is_set_back_ends_a_process(step_s: float, reason: str) -> None:
    clocks = Clocks()
    dog = watchdog(clocks, {})
    clocks.pass_(1)
    assert dog.look() == ""
    clocks.pass_(1)
    clocks.wall_s += step_s
    assert dog.look() == reason
    clocks.pass_(600)  # the process itself stood still
    assert dog.look() == ""


def test_a_part_that_hangs_at_each_look_ends_a_process() -> None:
    health = {"consumer": Health(False, "has not polled for 61 s", hung=True)}
    dog = watchdog(Clocks(), health)
    assert [dog.look() for _ in range(4)] == [""] * 4
    assert dog.look() == "consumer: has not polled for 61 s"


def test_a_part_that_goes_on_between_looks_ends_nothing() -> None:
    health = {"consumer": Health(False, "has not polled for 61 s", hung=True)}
    dog = watchdog(Clocks(), health)
    assert [dog.look() for _ in range(4)] == [""] * 4
    hung = health.pop("consumer")
    assert dog.look() == ""
    health["consumer"] = hung
    assert [dog.look() for _ in range(4)] == [""] * 4

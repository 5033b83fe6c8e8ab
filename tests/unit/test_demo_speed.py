"""The demo's status line says how fast the simulated days pass."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from txplatform.demo.watch import LiveLine
from txplatform.simulation.runner import Sent


@pytest.mark.parametrize(
    ("asked", "days_a_line", "expected"),
    [
        (2.0, 2, "  2.0 days/s  "),
        (2.0, 1, "  1.0 of 2 days/s  "),
        (0.5, 0, "  0.0 of 0.5 days/s  "),
        (0.0, 3, "  3.0 days/s  "),
    ],
)
def test_the_line_has_the_speed_and_what_was_asked_for_if_that_is_not_reached(
    asked: float, days_a_line: int, expected: str
) -> None:
    live = LiveLine("http://127.0.0.1:1", asked)
    day = date(2017, 4, 1)
    lines = []
    for _ in range(12):
        lines.append(live.line(Sent(day=str(day)), 1.0))
        day += timedelta(days=days_a_line)
    assert expected in lines[-1]
    assert not any(" of " in line for line in lines[:5])

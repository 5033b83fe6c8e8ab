"""A worker whose clock is set back ends, and its supervisor starts it again."""

from __future__ import annotations

import pytest

from harness.processes import Command
from reliability.conditions import SettableClock


@pytest.mark.long
def test_i8_a_worker_ends_if_its_clock_is_set_back(service_env: dict[str, str]) -> None:
    with (
        SettableClock.made() as clock,
        Command("project", env={**service_env, **clock.api_env()}) as worker,
    ):
        worker.wait_ready()
        clock.set(-3600)
        assert worker.wait() == 1
        assert "the clock was set back by 3600 s" in worker.stderr
        worker.start()
        worker.wait_ready()
        assert worker.stop() == 0

"""The demo's report about a child process that has ended."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psutil
import pytest

from harness.waiting import wait_until
from txplatform.demo.processes import Child, ChildDiedError


def test_the_output_of_an_earlier_run_is_not_given_as_the_reason(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("an old warning\n")
    child = Child("part", [sys.executable, "-c", "exit('no room')"], log=log)
    with pytest.raises(ChildDiedError) as died:
        wait_until(child.check)  # raises when the child has ended
    assert died.value.what == "The part ended with 1."
    assert "no room" in died.value.why
    assert "an old warning" not in died.value.why
    assert "again" in died.value.next_step


def test_output_from_long_before_the_kill_is_not_given_as_the_reason(tmp_path: Path) -> None:
    """An hour-old warning would mislead the reader."""
    log = tmp_path / "log"
    script = "print('a warning', flush=True); import signal; signal.pause()"
    child = Child("part", [sys.executable, "-c", script], log=log)
    wait_until(lambda: "a warning" in log.read_text())
    os.utime(log, (0, 0))
    process = psutil.Process(child.pid)
    process.kill()
    wait_until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)
    with pytest.raises(ChildDiedError) as died:
        child.check()
    assert died.value.what == "The part was killed by SIGKILL."
    assert died.value.why == "Its log does not contain the reason."

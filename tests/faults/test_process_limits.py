"""Processes and PostgreSQL run out of disk, memory, files or time, under load, and recover."""

from __future__ import annotations

import pytest

from harness import faults
from harness.faults import Fault, run_fault

PAUSED = faults.paused(60)
PAUSED_SHORTLY = faults.paused(4)[2]


def test_i8_a_pause_of_a_server_process_loses_and_doubles_nothing() -> None:
    run_fault(PAUSED_SHORTLY).assert_held()


@pytest.mark.long
@pytest.mark.parametrize("fault", PAUSED, ids=lambda fault: fault.name)
def test_i8_a_pause_of_a_minute_loses_and_doubles_nothing(fault: Fault) -> None:
    outcome = run_fault(fault)
    outcome.assert_held()
    assert outcome.heal_s < 20


@pytest.mark.long
@pytest.mark.parametrize(
    "fault", [faults.AN_HOUR_AHEAD, faults.AN_HOUR_BEHIND], ids=lambda fault: fault.name
)
def test_i8_a_wrong_clock_of_processes_changes_no_decision(fault: Fault) -> None:
    """Decisions use the database's clock, which processes measure by time that only passes."""
    outcome = run_fault(fault)
    outcome.assert_held()
    assert max(map(abs, outcome.offsets_s)) < 5
    assert not outcome.said - {"ReadTimeout"}  # of a busy machine


@pytest.mark.long
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (faults.DISK_FULL, "No space left on device"),
        (faults.FEW_FILES, "Too many open files"),
        (faults.LITTLE_MEMORY, ""),
    ],
    ids=lambda given: getattr(given, "name", ""),
)
def test_i8_a_lack_is_said_in_words_and_heals(fault: Fault, words: str) -> None:
    outcome = run_fault(fault)
    outcome.assert_held()
    assert words in " ".join(outcome.said)

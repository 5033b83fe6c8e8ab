"""Faults under load, as in docs/reliability.md: I1 to I8 hold, and all heals by itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reliability.faults import FAULTS, Fault
from reliability.installation import Infrastructure, infrastructure
from reliability.report import PAGE
from reliability.trial import try_fault

IN_SHORT = (
    "api_killed",
    "sessions_ended",
    "database_connections_reset",
    "broker_killed",
    "rubbish",
    "files_used_up",
)
"""One fault of each class, but the upgrade, which needs the history of the repository."""


@pytest.fixture(scope="module")
def shared() -> Iterator[Infrastructure]:
    """A database server and a broker for all trials of a test process."""
    with infrastructure() as running:
        yield running


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(
            fault,
            id=fault.name,
            marks=() if fault.name in IN_SHORT else pytest.mark.long,
        )
        for fault in FAULTS
    ],
)
def test_no_fault_loses_or_doubles_anything(fault: Fault, shared: Infrastructure) -> None:
    result = try_fault(fault, shared)
    assert result.broken == {}
    assert (result.lost, result.doubled, result.over_limit) == (0, 0, 0)


def test_one_fault_of_each_class_is_tried_in_short() -> None:
    kinds = {fault.name: fault.kind for fault in FAULTS}
    assert sorted(kinds[name] for name in IN_SHORT) == sorted({*kinds.values()} - {"upgrade"})


@pytest.mark.long
def test_the_page_has_every_fault() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [fault.text for fault in FAULTS if f"| {fault.text} |" not in page] == []

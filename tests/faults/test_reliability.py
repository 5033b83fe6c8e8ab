"""Faults under load, as in docs/reliability.md: I1 to I8 hold, and all heals by itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reliability.faults import FAULTS, Fault, Site
from reliability.installation import Infrastructure, infrastructure
from reliability.report import broken, rows
from reliability.trial import I8, try_fault

IN_SHORT = (
    "api_killed",
    "sessions_ended",
    "database_connections_reset",
    "broker_killed",
    "rubbish",
    "files_used_up",
    "upgraded",
)
"""One fault of each class. The upgrade is skipped if the clone lacks the history (shallow)."""


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
    assert not result.broken, result.broken  # pytest would cut the texts of a dict
    assert (result.lost, result.doubled, result.over_limit) == (0, 0, 0)


@pytest.mark.long
def test_i8_is_broken_in_words_by_a_fault_that_does_not_heal(shared: Infrastructure) -> None:
    def killed(site: Site) -> None:
        site.workers[1].command.kill()
        unhealed.append(site.workers[1].url)

    unhealed: list[str] = []
    result = try_fault(Fault("process", killed), shared, heals_within_s=2)
    text = "waited 2 s for all processes to be ready after killed; left: "
    assert result.broken == {I8: [f"{text}{dict.fromkeys(unhealed, 'ConnectError')}"]}
    assert (result.heals_s, result.lost) == (None, None)


def test_one_fault_of_each_class_is_tried_in_short() -> None:
    kinds = {fault.name: fault.kind for fault in FAULTS}
    assert sorted(kinds[name] for name in IN_SHORT) == sorted({*kinds.values()})


def test_the_page_has_every_fault_and_no_broken_invariant() -> None:
    found = rows()
    assert [fault.text for fault in FAULTS if fault.text not in found] == []
    assert {text: broken(row) for text, row in found.items() if broken(row)} == {}

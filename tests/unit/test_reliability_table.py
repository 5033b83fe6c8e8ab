"""The table of docs/reliability.md shows what is broken, also if the platform does not heal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from shutil import copyfile

import pytest

from reliability.__main__ import report_each
from reliability.faults import FAULTS
from reliability.report import PAGE, broken, rows, write
from reliability.trial import I8, Result

HEALED = Result(
    FAULTS[0],
    answered=1200,
    messages=300,
    retries=5,
    lost=0,
    doubled=0,
    over_limit=0,
    heals_s=1.25,
    broken={},
)
UNHEALED = replace(
    HEALED,
    lost=None,
    doubled=None,
    over_limit=None,
    heals_s=None,
    broken={I8: ["waited 90 s for all processes to be ready; left: {'api': 'unready'}"]},
)


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A copy of the page."""
    return Path(copyfile(PAGE, tmp_path / "reliability.md"))


def test_a_row_that_is_written_again_changes_nothing_else(page: Path) -> None:
    before = rows(page)
    write(HEALED, page)
    after = rows(page)
    row = after[FAULTS[0].text]
    assert (row["Purchases"], row["Heals in"], row["I8"]) == ("1,200", "1.2 s", "yes")
    assert broken(row) == {}
    assert after == before | {FAULTS[0].text: row}


def test_i8_is_no_and_nothing_else_is_claimed_if_the_platform_does_not_heal(page: Path) -> None:
    write(UNHEALED, page)
    row = rows(page)[FAULTS[0].text]
    assert row["I8"] == "**no**"
    others = ("Lost", "Doubled", "Over a limit", "Heals in", *(f"I{n}" for n in range(1, 8)))
    assert {row[name] for name in others} == {"not checked"}


@pytest.mark.parametrize(
    ("result", "shown"),
    [
        (replace(HEALED, lost=1), {"Lost": "1"}),
        (replace(HEALED, doubled=2), {"Doubled": "2"}),
        (replace(HEALED, over_limit=3), {"Over a limit": "3"}),
        (replace(HEALED, broken={"i4_each_response_is_durable": ["503"]}), {"I4": "**no**"}),
    ],
)
def test_a_row_shows_what_is_broken(page: Path, result: Result, shown: dict[str, str]) -> None:
    write(result, page)
    assert broken(rows(page)[FAULTS[0].text]) == shown


def test_faults_after_one_that_did_not_heal_are_reported_too(
    page: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unhealed, healed = UNHEALED, replace(HEALED, fault=FAULTS[1])
    assert report_each(iter([unhealed, healed]), page) == 1
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{FAULTS[0].name}: did not heal")
    assert "left: {'api': 'unready'}" in first
    assert second == f"{FAULTS[1].name}: healed in 1.2 s"
    assert [rows(page)[fault.text]["I8"] for fault in FAULTS[:2]] == ["**no**", "yes"]
    assert report_each([healed], page) == 0

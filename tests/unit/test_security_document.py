"""The table of risks in docs/security.md is complete, and every test that it names exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCUMENT = Path(__file__).parents[2] / "docs" / "security.md"
ROWS = re.findall(r"^\| (API\d+) .* \| (.*) \|$", DOCUMENT.read_text(), re.MULTILINE)


def test_every_risk_has_a_row() -> None:
    assert [risk for risk, _ in ROWS] == [f"API{number}" for number in range(1, 11)]


@pytest.mark.parametrize("tests", [pytest.param(tests, id=risk) for risk, tests in ROWS])
def test_every_test_of_a_row_exists(tests: str) -> None:
    for each in tests.split("; "):
        linked = re.fullmatch(r"\[(\S+)\]\((\S+)\): (`\w+`(?:, `\w+`)*)", each)
        assert linked, each
        file = DOCUMENT.parent / linked[2]
        assert file.name == linked[1]
        for name in re.findall(r"\w+", linked[3]):
            assert re.search(rf"^(?:async )?def {name}\(", file.read_text(), re.MULTILINE), name

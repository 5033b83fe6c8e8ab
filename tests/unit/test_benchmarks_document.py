"""docs/performance.md shows docs/benchmark.json, to the letter."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from benchmarks.pictures import drawn, with_tables
from benchmarks.report import ratios, rows_of

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def run() -> dict[str, Any]:
    """The run that the documents show."""
    found: dict[str, Any] = json.loads((DOCS / "benchmark.json").read_text(encoding="utf-8"))
    return found


def test_the_tables_are_those_of_the_run(run: dict[str, Any]) -> None:
    """`make pictures` would change nothing."""
    document = (DOCS / "performance.md").read_text(encoding="utf-8")
    assert with_tables(document, run) == document


def test_the_ratios_are_those_of_the_rows(run: dict[str, Any]) -> None:
    """Nobody wrote them by hand, and no target came or went since."""
    assert run["ratios"] == ratios(rows_of(run))


def test_every_picture_is_shown_and_there(run: dict[str, Any]) -> None:
    """With words for who cannot see it."""
    document = (DOCS / "performance.md").read_text(encoding="utf-8")
    for name in drawn(rows_of(run)):
        assert f"]({name})" in document
        assert (DOCS / name).is_file()


def test_the_same_run_gives_the_same_pictures(run: dict[str, Any]) -> None:
    """Byte by byte: a picture changes only with its figures."""
    assert drawn(rows_of(run)) == drawn(rows_of(run))

"""docs/performance.md shows exactly the figures of docs/benchmark.json."""

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
    """The benchmark run that the document shows."""
    found: dict[str, Any] = json.loads((DOCS / "benchmark.json").read_text(encoding="utf-8"))
    return found


def test_the_document_has_the_tables_of_the_run(run: dict[str, Any]) -> None:
    document = (DOCS / "performance.md").read_text(encoding="utf-8")
    assert with_tables(document, run) == document


def test_the_stored_ratios_follow_from_the_rows(run: dict[str, Any]) -> None:
    assert run["ratios"] == ratios(rows_of(run))


def test_the_document_shows_every_picture_with_a_text(run: dict[str, Any]) -> None:
    document = (DOCS / "performance.md").read_text(encoding="utf-8")
    for name in drawn(rows_of(run)):
        assert f"]({name})" in document
        assert (DOCS / name).is_file()


def test_the_same_run_gives_the_same_bytes(run: dict[str, Any]) -> None:
    assert drawn(rows_of(run)) == drawn(rows_of(run))

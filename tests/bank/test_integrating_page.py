"""docs/integrating.md shows code that exists, and output that the program prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "integrating.md").read_text(encoding="utf-8")
EXCERPTS = re.findall(r"```python\n# (\S+)\n(.+?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize(("path", "code"), EXCERPTS, ids=[path for path, _ in EXCERPTS])
def test_each_excerpt_is_in_the_file_that_it_names(path: str, code: str) -> None:
    assert code in (ROOT / path).read_text(encoding="utf-8")


def test_all_code_of_the_page_is_an_excerpt() -> None:
    assert len(EXCERPTS) == TEXT.count("```python") > 4


def test_each_file_that_the_page_names_exists() -> None:
    for path in re.findall(r"`(bank/[\w/.]+)`", TEXT):
        assert (ROOT / path).exists(), path

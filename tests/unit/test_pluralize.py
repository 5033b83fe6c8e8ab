"""Counts with singular or plural nouns."""

from __future__ import annotations

import pytest

from txplatform.pluralize import pluralize


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 rules"), (1, "1 rule"), (2, "2 rules"), (-1, "-1 rules")]
)
def test_only_one_is_singular(number: int, words: str) -> None:
    assert pluralize(number, "rule") == words

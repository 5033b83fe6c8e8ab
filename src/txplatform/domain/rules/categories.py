"""Lists of merchant categories (ISO 18245): single ones and ranges, such as 4000-4999."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import NamedTuple

from txplatform.domain.rules.parameters import ParameterError, shown

_ENTRY = re.compile(r"([0-9]{4})(?:-([0-9]{4}))?", re.ASCII)


class _Range(NamedTuple):
    first: int
    last: int
    text: str


def sorted_categories(field: str, categories: tuple[str, ...]) -> tuple[str, ...]:
    """The entries in ascending order, so that one list is written in one way.

    Raises:
        ParameterError: One is neither a category nor a range, a range is reversed, or two
            entries overlap.
    """
    ranges = sorted(_range(field, entry) for entry in categories)
    for before, after in pairwise(ranges):
        if after.first <= before.last:
            raise ParameterError(
                field, f"has {after.text!r} twice: it overlaps {before.text!r}; name each once."
            )
    return tuple(entry.text for entry in ranges)


def category_codes(categories: tuple[str, ...]) -> frozenset[str]:
    """Every category code that the entries cover."""
    return frozenset(
        f"{code:04d}" for entry in categories for code in range(int(entry[:4]), int(entry[-4:]) + 1)
    )


def _range(field: str, entry: str) -> _Range:
    match = _ENTRY.fullmatch(entry)
    if match is None:
        raise ParameterError(
            field,
            f"has {shown(entry)}, which is no merchant category; "
            "write four digits, such as 5942, or a range, such as 4000-4999.",
        )
    first, last = int(match[1]), int(match[2] or match[1])
    if last < first:
        raise ParameterError(
            field,
            f"has {entry!r}, which ends before it begins; write {match[2]}-{match[1]}.",
        )
    return _Range(first, last, entry)

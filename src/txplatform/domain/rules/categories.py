"""Lists of merchant categories (ISO 18245): single ones and ranges, such as 4000-4999."""

from __future__ import annotations

import re
from itertools import pairwise

from txplatform.domain.rules.parameters import ParameterError, shown

_ENTRY = re.compile(r"([0-9]{4})(?:-([0-9]{4}))?", re.ASCII)
_AFTER_ANY_DIGIT = "~"


def sorted_categories(field: str, categories: tuple[str, ...]) -> tuple[str, ...]:
    """The entries in ascending order, so that one list is written in one way.

    Raises:
        ParameterError: One is neither a category nor a range, a range is reversed, or two
            entries overlap.
    """
    for entry in categories:
        _check(field, entry)
    ordered = tuple(sorted(categories))
    for before, after in pairwise(ordered):
        if after[:4] <= before[-4:]:
            raise ParameterError(
                field, f"has {after!r} twice: it overlaps {before!r}; name each once."
            )
    return ordered


def category_bounds(categories: tuple[str, ...]) -> tuple[str, ...]:
    """Where sorted entries begin and end, in turns.

    `bisect_right(bounds, code)` is odd for a code that an entry covers, and half of it is that
    entry's place. It is as small as what was written, where the codes of one range can be
    10,000; and nearly as fast as a set of them. What is no code is compared as text, and
    harms nothing.
    """
    return tuple(
        bound for entry in categories for bound in (entry[:4], entry[-4:] + _AFTER_ANY_DIGIT)
    )


def category_mask(categories: tuple[str, ...]) -> int:
    """A bit for each code that the entries cover, to compare whole lists by."""
    mask = 0
    for entry in categories:
        first, last = int(entry[:4]), int(entry[-4:])
        mask |= ((1 << (last - first + 1)) - 1) << first
    return mask


def _check(field: str, entry: str) -> None:
    match = _ENTRY.fullmatch(entry)
    if match is None:
        raise ParameterError(
            field,
            f"has {shown(entry)}, which is no merchant category; "
            "write four digits, such as 5942, or a range, such as 4000-4999.",
        )
    first, last = match.groups()
    if last is not None and last < first:
        raise ParameterError(
            field, f"has {entry!r}, which ends before it begins; write {last}-{first}."
        )

"""A page of an account's list ends when it is full, or when reading it has cost enough."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from txplatform.projections.account_lists import MAX_EVENTS, Place, take_page

START = Place(100, 0)


def rows(read: list[int], *, matching: bool = True) -> Iterator[tuple[Place, str | None, int]]:
    """Yield rows for which this many events were read."""
    for number, events in enumerate(read, 1):
        yield Place(100, number), f"i{number}" if matching else None, events


@pytest.mark.parametrize(
    ("read", "limit", "items", "next_version"),
    [
        ([], 3, 0, None),
        ([1, 1, 1], 3, 3, None),
        ([1, 1, 1, 1], 3, 3, 3),
        ([MAX_EVENTS], 3, 1, None),
        ([MAX_EVENTS, 1], 3, 1, 1),
        ([1, MAX_EVENTS, 1], 3, 2, 2),
    ],
)
def test_a_page_has_at_most_its_limit_and_stops_after_many_events(
    read: list[int], limit: int, items: int, next_version: int | None
) -> None:
    found, place = take_page(rows(read), START, limit)
    assert found == [f"i{number}" for number in range(1, items + 1)]
    assert place == (None if next_version is None else Place(100, next_version))


def test_an_empty_page_says_where_the_next_one_begins_if_reading_stopped() -> None:
    found, place = take_page(rows([1000] * 9, matching=False), START, 3)
    assert found == []
    assert place == Place(100, MAX_EVENTS // 1000)

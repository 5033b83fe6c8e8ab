"""Each list accepts its own cursors only."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from txplatform.contracts.cursors import Cursors, InvalidCursorError

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
LIST = Cursors("transactions", account_id="a", state="held", flag=None)
OTHERS = {
    "list": Cursors("postings", account_id="a", state="held"),
    "account": Cursors("transactions", account_id="b", state="held"),
    "filter": Cursors("transactions", account_id="a", state="expired"),
    "without the filter": Cursors("transactions", account_id="a"),
    "a further filter": Cursors("transactions", account_id="a", state="held", flag="over_hold"),
    "the same values": Cursors("transactions", account_id="held", state="a"),
}


@given(st.lists(st.integers(-(2**63), 2**63 - 1)))
def test_a_cursor_is_read_as_the_place_that_it_was_written_for(place: list[int]) -> None:
    assert LIST.read(LIST.write(*place), *place) == tuple(place)


def test_without_a_cursor_a_list_begins_at_its_start() -> None:
    assert LIST.read(None, 7, 8) == (7, 8)


def test_a_filter_that_is_not_used_makes_no_difference() -> None:
    """A stored cursor stays valid if a later version adds a filter."""
    without = Cursors("transactions", account_id="a", state="held")
    assert LIST.read(without.write(7), 0) == (7,)


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_a_cursor_used_elsewhere_is_refused(other: Cursors) -> None:
    with pytest.raises(InvalidCursorError):
        LIST.read(other.write(7), 0)


def test_a_cursor_of_another_length_is_refused() -> None:
    with pytest.raises(InvalidCursorError):
        LIST.read(LIST.write(7, 8), 0)


@pytest.mark.parametrize(
    "cursor", ["", "!", "é", "MA", "LTE", "\x00", "OTk5OTk5OTk5OTk5OTk5OTk5OTk", "x" * 9999]
)
def test_other_text_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidCursorError):
        LIST.read(cursor, 0)


@given(st.data())
def test_any_altered_character_is_noticed(data: st.DataObject) -> None:
    cursor = LIST.write(data.draw(st.integers(0, 2**63 - 1)))
    at = data.draw(st.integers(0, len(cursor) - 1))
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/ "
    other = data.draw(st.sampled_from(alphabet).filter(lambda each: each != cursor[at]))
    for altered in (cursor[:at] + other + cursor[at + 1 :], cursor[:at] + other + cursor[at:]):
        with pytest.raises(InvalidCursorError):
            LIST.read(altered, 0)


def test_the_same_time_with_another_offset_is_the_same_filter() -> None:
    here = NOON.astimezone(timezone(timedelta(hours=1)))
    one, other = Cursors("l", since=NOON), Cursors("l", since=here.astimezone(UTC))
    assert one.read(other.write(1), 0) == (1,)


@given(st.integers(0, 20), st.integers(1, 7))
def test_the_pages_of_a_list_in_memory_have_every_item_once(length: int, limit: int) -> None:
    items = [*range(length)]
    read, cursor = LIST.page(items, None, limit)
    while cursor is not None:
        page, cursor = LIST.page(items, cursor, limit)
        assert page
        read += page
    assert read == items

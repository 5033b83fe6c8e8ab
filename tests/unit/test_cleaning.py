"""Describing fields are cleaned: what can be read is kept, and losses are marked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from txplatform.contracts.cleaning import (
    COUNTRY_FORM,
    MAX_METADATA_BYTES,
    MAX_METADATA_KEYS,
    MAX_TEXT,
    Cleaned,
    clean_amount,
    clean_code,
    clean_freeze_reason,
    clean_merchant,
    clean_merchant_id,
    clean_metadata,
    clean_reference,
    clean_text,
    clean_time,
    clean_transaction_id,
)

WHOLE = {"id": "m-17", "name": "Corner Books", "category_code": "5942", "country": "USA"}
NOTHING = Cleaned(None)
LOST = Cleaned(None, complete=False)
CLEANERS: list[Callable[[object], Cleaned]] = [
    clean_amount,
    clean_code(COUNTRY_FORM),
    clean_freeze_reason,
    clean_merchant,
    clean_merchant_id,
    clean_metadata,
    clean_reference,
    clean_text,
    clean_time,
    clean_transaction_id,
]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_any_value_can_be_cleaned_and_is_clean_afterwards(value: object) -> None:
    for clean in CLEANERS:
        cleaned = clean(value)
        if clean not in (clean_time, clean_merchant):  # these change the type
            assert clean(cleaned.value) == Cleaned(cleaned.value)
        if value is None:
            assert cleaned == NOTHING


@pytest.mark.parametrize(
    ("value", "cleaned"),
    [
        ("Lost.", Cleaned("Lost.")),
        ("Reported lost.\nHolder called back.", Cleaned("Reported lost. Holder called back.")),
        ("  a\tb\x00c\x85d\u2028e\ud800 ", Cleaned("a b c d e")),
        ("Ünïcode 日本", Cleaned("Ünïcode 日本")),
        ("", NOTHING),
        (" \r\n", NOTHING),
        (7, LOST),
        (["a"], LOST),
        ("x" * MAX_TEXT, Cleaned("x" * MAX_TEXT)),
        ("x" * MAX_TEXT + "  ", Cleaned("x" * MAX_TEXT)),
        ("x" * MAX_TEXT + "y", Cleaned("x" * MAX_TEXT, complete=False)),
        ("Card 4111\t1111 1111 1111", Cleaned("Card **** **** **** 1111", complete=False)),
        # The cut goes through the number, of which 15 digits would otherwise stay.
        ("x" * 185 + "4111111111111111", Cleaned("x" * 185 + "*" * 12 + "111", complete=False)),
    ],
)
def test_text_loses_control_characters_and_what_exceeds_its_limit(
    value: object, cleaned: Cleaned
) -> None:
    assert clean_text(value) == cleaned


@pytest.mark.parametrize(
    ("value", "cleaned"),
    [
        ("XKX", Cleaned("XKX")),
        ("QQQ", Cleaned("QQQ")),
        (" FRA ", Cleaned("FRA")),
        ("", NOTHING),
        ("fra", LOST),
        ("FR", LOST),
        ("FRAN", LOST),
        (250, LOST),
        ("ÄÖÜ", LOST),
    ],
)
def test_a_well_formed_code_is_kept_and_a_malformed_one_becomes_null(
    value: object, cleaned: Cleaned
) -> None:
    """No list is asked, since codes are added after a release."""
    assert clean_code(COUNTRY_FORM)(value) == cleaned


@pytest.mark.parametrize(
    ("value", "cleaned"),
    [
        ("lost", Cleaned("lost")),
        (" STOLEN\n", Cleaned("stolen")),
        ("deceased", Cleaned("deceased")),
        ("R05", Cleaned("R05")),
        ("x" * 40, Cleaned("x" * 40)),
        ("none", NOTHING),
        ("None", NOTHING),
        ("", NOTHING),
        ("x" * 41, LOST),
        ("not a code", LOST),
        ("card-4111111111111111", LOST),
        (5, LOST),
    ],
)
def test_a_reason_code_of_any_meaning_is_kept(value: object, cleaned: Cleaned) -> None:
    assert clean_freeze_reason(value) == cleaned


@pytest.mark.parametrize(
    ("value", "cleaned"),
    [
        (0, Cleaned(0)),
        (1250, Cleaned(1250)),
        (12.5, LOST),
        (-1, LOST),
        (10**15, LOST),
        (Decimal("1e999999"), LOST),
        (True, LOST),
        ("1250", LOST),
    ],
)
def test_an_original_amount_is_a_whole_number_or_null(value: object, cleaned: Cleaned) -> None:
    assert clean_amount(value) == cleaned


def utc(*parts: int) -> datetime:
    """Return a time in UTC."""
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("value", "time"),
    [
        ("2026-11-20T10:15:00Z", utc(2026, 11, 20, 10, 15)),
        ("2026-11-20t10:15:00z", utc(2026, 11, 20, 10, 15)),
        ("2026-11-20T11:15:00+01:00", utc(2026, 11, 20, 10, 15)),
        ("2026-11-20T10:15:00.123456789Z", utc(2026, 11, 20, 10, 15, 0, 123_456)),
        ("2026-11-20T10:15:00.12345678901Z", utc(2026, 11, 20, 10, 15, 0, 123_456)),
        (f"2026-11-20T10:15:00.{'9' * 100}Z", utc(2026, 11, 20, 10, 15, 0, 999_999)),
        ("2026-11-20", utc(2026, 11, 20)),
        (" 2026-11-20\n", utc(2026, 11, 20)),
        ("2026-11-20T10:15:00", utc(2026, 11, 20, 10, 15)),
        ("2026-11-20 10:15:00", utc(2026, 11, 20, 10, 15)),
        ("2026-12-31T23:59:60Z", utc(2026, 12, 31, 23, 59, 59, 999_999)),
        ("2026-12-31T15:59:60-08:00", utc(2026, 12, 31, 23, 59, 59, 999_999)),
        ("9999-12-31T23:59:60Z", utc(9999, 12, 31, 23, 59, 59, 999_999)),
    ],
)
def test_a_business_time_may_be_a_date_or_lack_an_offset(value: str, time: datetime) -> None:
    assert clean_time(value) == Cleaned(time)
    assert clean_time(value).value.tzinfo is UTC


@pytest.mark.parametrize(
    "value",
    [
        "today",
        "20.11.2026",
        "2026-02-30",
        "2026-11-20T24:00:00Z",
        "2026-11-20T10:15:60Z",
        "2026-11-20T10:15Z",
        "0001-01-01T00:00:00+05:00",
        "9999-12-31T23:59:59-01:00",
        "0000-01-01",
        1_700_000_000,
        {},
    ],
)
def test_an_unreadable_business_time_becomes_null(value: object) -> None:
    assert clean_time(value) == LOST


@pytest.mark.parametrize(
    ("value", "cleaned"),
    [
        (WHOLE, Cleaned(WHOLE)),
        ({**WHOLE, "city": "Oslo"}, Cleaned(WHOLE)),
        ({**WHOLE, "id": "0012340005678  "}, Cleaned({**WHOLE, "id": "0012340005678"})),
        ({**WHOLE, "id": "AB/12*3 Ä"}, Cleaned({**WHOLE, "id": "AB/12*3 Ä"})),
        ({**WHOLE, "id": "4111111111111111"}, Cleaned({**WHOLE, "id": "4111111111111111"})),
        ({**WHOLE, "name": ""}, Cleaned({**WHOLE, "name": None})),
        ({**WHOLE, "country": "XKX"}, Cleaned({**WHOLE, "country": "XKX"})),
        ({**WHOLE, "country": None}, Cleaned({**WHOLE, "country": None}, complete=False)),
        ({**WHOLE, "category_code": ""}, Cleaned({**WHOLE, "category_code": None}, complete=False)),
        ({**WHOLE, "id": " "}, Cleaned({**WHOLE, "id": None}, complete=False)),
        ({**WHOLE, "name": 5}, Cleaned({**WHOLE, "name": None}, complete=False)),
        ({}, LOST),
        ([], LOST),
        ("Corner Books", LOST),
    ],
)
def test_a_merchant_without_id_category_or_country_is_incomplete(
    value: object, cleaned: Cleaned
) -> None:
    assert clean_merchant(value) == cleaned


@pytest.mark.parametrize(
    ("value", "cleaned"),
    [
        ("74537606325000000000001", Cleaned("74537606325000000000001")),
        (" 2026/11/INV 0042 ", Cleaned("2026/11/INV 0042")),
        ("4111111111111111", Cleaned("4111111111111111")),
        ("x" * 65, Cleaned("x" * 64, complete=False)),
        ("zero\u200bwidth", LOST),
        (42, LOST),
    ],
)
def test_a_reference_is_an_id_and_is_not_masked(value: object, cleaned: Cleaned) -> None:
    assert clean_reference(value) == cleaned


@pytest.mark.parametrize(
    ("value", "cleaned"),
    [
        ("tx-1", Cleaned("tx-1")),
        (" tx-1 ", Cleaned("tx-1")),
        ("4111111111111111", Cleaned("4111111111111111")),
        ("", NOTHING),
        ("a b", LOST),
        ("a/b", LOST),
        ("..", LOST),
        ("x" * 65, LOST),
        (7, LOST),
    ],
)
def test_a_transaction_id_that_cannot_be_read_counts_as_absent(
    value: object, cleaned: Cleaned
) -> None:
    assert clean_transaction_id(value) == cleaned


MANY = {f"k{number}": "v" for number in range(MAX_METADATA_KEYS + 1)}
LARGE = {f"k{number}": "v" * 498 for number in range(9)}


@pytest.mark.parametrize(
    ("value", "cleaned"),
    [
        ({"terminal": "T-4"}, Cleaned({"terminal": "T-4"})),
        ({" a\n": "b\nc", "d": ""}, Cleaned({"a": "b c", "d": ""})),
        ({}, NOTHING),
        ("T-4", LOST),
        ({"a": 1, "b": "c"}, Cleaned({"b": "c"}, complete=False)),
        ({"a": None, "b": "c"}, Cleaned({"b": "c"}, complete=False)),
        ({"": "x", "b": "c"}, Cleaned({"b": "c"}, complete=False)),
        ({"a": "x", "a ": "y"}, Cleaned({"a": "x"}, complete=False)),
        ({"k" * 41: "x"}, Cleaned({"k" * 40: "x"}, complete=False)),
        ({"a": "x" * 501}, Cleaned({"a": "x" * 500}, complete=False)),
        ({"a": "4111111111111111"}, Cleaned({"a": "************1111"}, complete=False)),
        ({"4111111111111111": "a"}, Cleaned({"************1111": "a"}, complete=False)),
        (MANY, Cleaned(dict([*MANY.items()][:MAX_METADATA_KEYS]), complete=False)),
        (LARGE, Cleaned(dict([*LARGE.items()][:8]), complete=False)),
    ],
)
def test_metadata_keeps_the_entries_within_its_limits(value: Any, cleaned: Cleaned) -> None:
    assert clean_metadata(value) == cleaned
    kept = cleaned.value or {}
    assert sum(len((key + text).encode()) for key, text in kept.items()) <= MAX_METADATA_BYTES

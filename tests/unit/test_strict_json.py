"""The fast check for repeated keys agrees with a real parser on any text."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from txplatform.contracts.json import parse_strict_json, repeats_a_key


@dataclass(frozen=True)
class Pairs:
    """A JSON object as a list of pairs, which may repeat keys."""

    pairs: tuple[tuple[str, Any], ...]


_TEXT = st.text(alphabet='ab":\\ ,{}\t', max_size=4)
_VALUES = st.recursive(
    st.none() | st.integers() | _TEXT,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(st.tuples(_TEXT, inner), max_size=4).map(lambda pairs: Pairs(tuple(pairs)))
    ),
    max_leaves=10,
)


def _write(value: Any, colon: str) -> str:
    if isinstance(value, Pairs):
        inside = (json.dumps(key) + colon + _write(each, colon) for key, each in value.pairs)
        return "{" + ",".join(inside) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_write(each, colon) for each in value) + "]"
    return json.dumps(value)


def _count(text: str) -> tuple[int, int]:
    """Return the number of keys, and of keys that are distinct within their object."""
    every = distinct = 0

    def count(pairs: list[tuple[str, Any]]) -> None:
        nonlocal every, distinct
        every += len(pairs)
        distinct += len({key for key, _ in pairs})

    json.loads(text, object_pairs_hook=count)
    return every, distinct


@given(_VALUES, st.sampled_from([":", ": ", " : ", "\t:", "\n :\n"]))
@example(Pairs(((":", None),)), ":")
def test_repeated_keys_are_found_exactly_if_a_parser_finds_them(value: Any, colon: str) -> None:
    text = _write(value, colon)
    every, distinct = _count(text)
    assert repeats_a_key(text.encode(), distinct) == (every != distinct)


def test_a_repeated_key_is_found_if_only_one_has_a_space_before_its_colon() -> None:
    assert repeats_a_key(b'{"a" :1,"a":2}', 1)
    assert repeats_a_key(b'{"a":1,"a" :2}', 1)
    assert not repeats_a_key(b'{"a": "\\": \\":"}', 1)


_SIMPLE_VALUES: st.SearchStrategy[object] = st.one_of(
    st.none(),
    st.booleans(),
    st.text(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
)


@given(
    st.dictionaries(st.text(), _SIMPLE_VALUES | st.lists(_SIMPLE_VALUES)),
    st.booleans(),
    st.sampled_from(["", " ", "\n"]),
)
def test_the_strict_parser_agrees_with_the_standard_library_except_for_whole_numbers(
    value: dict[str, object],
    escaped: bool,  # noqa: FBT001  # hypothesis gives it
    space: str,
) -> None:
    """Simple objects take a faster path, which must give the same result."""
    text = json.dumps(value, ensure_ascii=escaped, separators=(f"{space},", f"{space}:"))
    assert repr(parse_strict_json(text.encode())) == repr(json.loads(text, parse_float=_read))


def _read(digits: str) -> int | float:
    exact = Decimal(digits)
    return int(exact) if exact == int(exact) else float(digits)


_NUMBERS = st.from_regex(
    r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,20}|\.0{1,30})?([eE][+-]?[0-9]{1,2})?", fullmatch=True
)


@given(_NUMBERS)
def test_a_number_is_an_integer_if_and_only_if_its_fraction_is_zero(text: str) -> None:
    exact = Decimal(text)
    (value,) = parse_strict_json(f"[{text}]".encode())
    assert isinstance(value, int) == (exact == exact.to_integral_value())
    assert isinstance(value, float) or value == exact


@pytest.mark.parametrize("text", ["1250.00000000000001", "0.1", "12.5", "1e-400", "1.5E0"])
def test_a_number_with_another_fraction_is_not_an_integer(text: str) -> None:
    (value,) = parse_strict_json(f"[{text}]".encode())
    assert type(value) is float


@pytest.mark.parametrize(
    ("text", "number"),
    [("1250.0", 1250), ("1e3", 1000), ("-0.0", 0), ("0e999999999", 0), ("1e300", 10**300)],
)
def test_an_integer_may_have_a_zero_fraction_or_an_exponent(text: str, number: int) -> None:
    (value,) = parse_strict_json(f"[{text}]".encode())
    assert (type(value), value) == (int, number)

"""Strict JSON: invalid or ambiguous text is refused."""

from __future__ import annotations

import pytest

from txplatform.contracts.json import NotJsonError, parse_strict_json


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'{"a": 1}', {"a": 1}),
        (b" [] ", []),
        (b'"\\ud83d\\ude00"', "\N{GRINNING FACE}"),
        (b"[" * 32 + b"]" * 32, None),
        (b'{"a": 1.5e3, "b": 1e-400}', {"a": 1500.0, "b": 0.0}),
        (b'{"a": {"x": 1}, "b": {"x": 2}}', {"a": {"x": 1}, "b": {"x": 2}}),
    ],
)
def test_valid_json_is_read(data: bytes, value: object) -> None:
    parsed = parse_strict_json(data)
    assert value is None or parsed == value


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"{} {}",
        b"{'a': 1}",
        b'{"a": 1,}',
        b'{"a": 1, "a": 1}',
        b'{"b": {"a": 1, "\\u0061": 2}}',
        b"NaN",
        b"[Infinity]",
        b"[-Infinity]",
        b"1e400",
        b'{"a": {"b": [-1e400]}}',
        b"\xef\xbb\xbf{}",
        b'"\xff"',
        "{}".encode("utf-16"),
        b"[" * 33 + b"]" * 33,
        b"[" * 1_000_000,
        b'{"a":' * 1_000_000,
        b"9" * 10_000,
        b'"a\x00b"',
    ],
)
def test_invalid_or_ambiguous_json_is_refused(data: bytes) -> None:
    with pytest.raises(NotJsonError):
        parse_strict_json(data)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b'{"a": 1,}', "Illegal trailing comma|Expecting property name .* at line 1, column"),
        (b'"a\x00b"', "Invalid control character at line 1, column 3"),
        (b'{"a":\n"b', "Unterminated string starting at line 2, column 1"),
    ],
)
def test_the_error_names_the_position_of_the_fault(data: bytes, why: str) -> None:
    with pytest.raises(NotJsonError, match=why):
        parse_strict_json(data)

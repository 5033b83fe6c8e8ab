"""Parse JSON (RFC 8259). Text that two parsers could interpret differently is refused.

The strict parser is for requests. The lenient one is for advices, where a flaw outside of the
checked fields must not hold up money: what it cannot read is `Unreadable`.

A number with a zero fraction is an integer, as in JSON Schema: `1250.0` and `1.25e3` are 1250.
"""

import json
import re
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from decimal import Decimal
from math import isinf
from typing import Any

import orjson

from txplatform.errors import TxPlatformError

MAX_DEPTH = 32
REPEATED = "A key is repeated within an object."
_TOO_LARGE = "is a number that is too large"
_SIMPLE = frozenset({str, int, bool, type(None)})
_CONTAINERS = frozenset({dict, list})
_SPACED_KEY = re.compile(rb'"\s+:')
_TINY = re.compile(r"-?[0.]*[1-9]")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"(\s*:)?', re.DOTALL)
_STRING_OR_BRACKET = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]', re.DOTALL)
"""A string without an end reaches to the end of the text, so that the search takes linear time."""


class NotJsonError(TxPlatformError):
    """The bytes are not acceptable JSON."""

    def __init__(self, why: str) -> None:
        super().__init__(
            "The body is not acceptable JSON.",
            why=why,
            next_step="Send one JSON value in UTF-8 without repeated keys.",
        )


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A value that the lenient parser cannot read. No type of a field accepts it.

    Attributes:
        problem: What is wrong, to show after the field's name.
        sent: The digits of a number, or all values of a repeated key.
    """

    problem: str
    sent: tuple[Any, ...]


class RepeatingObject(dict[str, Any]):
    """An object with repeated keys, whose values are `Unreadable`.

    Attributes:
        repeated: The repeated keys.
    """

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        values: dict[str, list[Any]] = {}
        for key, value in pairs:
            values.setdefault(key, []).append(value)
        self.repeated = {key for key, sent in values.items() if len(sent) > 1}
        problem = "is repeated; send it once"
        super().__init__(
            (key, Unreadable(problem, tuple(sent)) if len(sent) > 1 else sent[0])
            for key, sent in values.items()
        )


def parse_strict_json(data: bytes) -> Any:
    """Parse one JSON value.

    Raises:
        NotJsonError: The bytes are not UTF-8 or not JSON, or contain a byte order mark, NaN,
            Infinity, a number beyond the range of floats, a repeated key, or more than 32 levels.
    """
    if (simple := _simple_object(data)) is not None:
        return simple
    try:
        value = _load(_decoded(data), _without_repeats, _number)
        _check_depth(value, MAX_DEPTH)
    except RecursionError:
        raise NotJsonError(f"It has more than {MAX_DEPTH} levels.") from None
    except ValueError as error:  # an integer with too many digits for Python
        raise NotJsonError(f"A number cannot be read: {str(error).partition(':')[0]}.") from None
    return value


def parse_lenient_json(data: bytes) -> Any:
    """Parse one JSON value. A number that is too large and a repeated key's value are `Unreadable`.

    What is nested too deeply for the parser is null; it lies deep within a field.

    Raises:
        NotJsonError: The bytes are not UTF-8 or not JSON, or contain a byte order mark, NaN or
            Infinity.
    """
    return parse_lenient_parts(data)[-1]


def parse_lenient_parts(data: bytes) -> list[Any]:
    """Parse one JSON value as `parse_lenient_json`, and return it after the parts that are null."""
    try:
        return [parse_strict_json(data)]
    except NotJsonError:
        text = _decoded(data)
    try:
        return [_load_leniently(text)]
    except RecursionError:
        return [*map(_load_leniently, _flat_parts(text))]


def repeated_keys(value: object) -> AbstractSet[str]:
    """Return the repeated keys of a value from the lenient parser; empty if it is no object."""
    return value.repeated if isinstance(value, RepeatingObject) else frozenset()


def _decoded(data: bytes) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotJsonError(f"Byte {error.start} is not UTF-8.") from None
    if text.startswith("\ufeff"):
        raise NotJsonError("It begins with a byte order mark.")
    return text


def _load(
    text: str,
    to_object: Callable[[list[tuple[str, Any]]], dict[str, Any]],
    to_number: Callable[[str], object],
    to_integer: Callable[[str], object] | None = None,
) -> Any:
    """Parse JSON.

    Raises:
        RecursionError: It is nested too deeply.
        ValueError: `to_integer` is None, and an integer has too many digits for Python.
    """
    try:
        return json.loads(
            text,
            object_pairs_hook=to_object,
            parse_constant=_refuse_constant,
            parse_float=to_number,
            parse_int=to_integer,
        )
    except json.JSONDecodeError as error:
        what = error.msg.removesuffix(" at")
        raise NotJsonError(f"{what} at line {error.lineno}, column {error.colno}.") from None


def _load_leniently(text: str) -> Any:
    return _load(text, _with_repeats, _number_or_unreadable, _integer_or_unreadable)


def _flat_parts(text: str) -> list[str]:
    """Return the parts of a JSON text, each of at most 32 levels, from the inside to the outside.

    In the part around it, a part is replaced by null.
    """
    parts: list[str] = []
    unfinished: list[list[str]] = [[]]
    depth = done = 0
    for match in _STRING_OR_BRACKET.finditer(text):
        if match[0] in {"[", "{"}:
            if depth and depth % MAX_DEPTH == 0:
                unfinished[-1].append(text[done : match.start()])
                unfinished.append([])
                done = match.start()
            depth += 1
        elif match[0] in {"]", "}"}:
            depth -= 1
            if depth > 0 and depth % MAX_DEPTH == 0:
                parts.append("".join([*unfinished.pop(), text[done : match.end()]]))
                unfinished[-1].append("null")
                done = match.end()
    if len(unfinished) > 1:
        raise NotJsonError("It ends within a value.")
    return [*parts, "".join([*unfinished[0], text[done:]])]


def _simple_object(data: bytes) -> dict[str, Any] | None:
    """Parse a flat object of strings, integers, booleans and nulls; return None for anything else.

    For such an object, orjson is as strict as the slower parser. An integer of more than 64 bits,
    which orjson would return as a float, is left to the slower parser.
    """
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    if type(value) is not dict or not _SIMPLE.issuperset(map(type, value.values())):
        return None
    return None if repeats_a_key(data, len(value)) else value


def repeats_a_key(data: bytes, distinct: int) -> bool:
    """Return True if a key is repeated within an object.

    Args:
        data: A valid JSON text.
        distinct: The number of keys after parsing, which merges repeated keys.
    """
    # Without spaces before colons, the count is at least the number of keys, including repeated
    # ones. If the count equals `distinct`, no key is repeated.
    if data.count(b'":') == distinct and not _SPACED_KEY.search(data):
        return False
    return sum(1 for colon in _STRING.findall(data) if colon) != distinct


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise NotJsonError(REPEATED)
    return value


def _with_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    return value if len(value) == len(pairs) else RepeatingObject(pairs)


def _refuse_constant(name: str) -> None:
    raise NotJsonError(f"{name} is not a JSON number.")


def _number(digits: str) -> int | float:
    """Parse a number with a fraction or an exponent; return an integer if the fraction is zero.

    A number that becomes infinity is refused, since JSON cannot express infinity.
    """
    value = float(digits)
    if isinf(value):
        raise NotJsonError("A number is too large.")
    if not value.is_integer():
        return value
    if value == 0:
        return value if _TINY.match(digits) else 0
    exact = Decimal(digits)  # the float rounds 1250.00000000000001
    whole = exact.to_integral_value()
    return int(whole) if whole == exact else value


def _number_or_unreadable(digits: str) -> int | float | Unreadable:
    try:
        return _number(digits)
    except NotJsonError:
        return Unreadable(_TOO_LARGE, (digits,))


def _integer_or_unreadable(digits: str) -> int | Unreadable:
    try:
        return int(digits)
    except ValueError:  # too many digits for Python
        return Unreadable(_TOO_LARGE, (digits,))


def _check_depth(value: Any, left: int) -> None:
    if type(value) in _CONTAINERS:
        if left == 0:
            raise NotJsonError(f"It has more than {MAX_DEPTH} levels.")
        for inner in value.values() if type(value) is dict else value:
            if type(inner) in _CONTAINERS:  # cheaper than a call for each value
                _check_depth(inner, left - 1)

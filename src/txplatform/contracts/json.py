"""Parse strict JSON (RFC 8259). Text that two parsers could interpret differently is refused.

A number with a zero fraction is an integer, as in JSON Schema: `1250.0` and `1.25e3` are 1250.
"""

import json
import re
from decimal import Decimal
from math import isinf
from typing import Any

import orjson

from txplatform.errors import TxPlatformError

MAX_DEPTH = 32
_SIMPLE = frozenset({str, int, bool, type(None)})
_CONTAINERS = frozenset({dict, list})
_SPACED_KEY = re.compile(rb'"\s+:')
_TINY = re.compile(r"-?[0.]*[1-9]")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"(\s*:)?', re.DOTALL)


class NotJsonError(TxPlatformError):
    """The bytes are not acceptable JSON."""

    def __init__(self, why: str) -> None:
        super().__init__(
            "The body is not acceptable JSON.",
            why=why,
            next_step="Send one JSON value in UTF-8 without repeated keys.",
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
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotJsonError(f"Byte {error.start} is not UTF-8.") from None
    if text.startswith("\ufeff"):
        raise NotJsonError("It begins with a byte order mark.")
    try:
        value = json.loads(
            text,
            object_pairs_hook=_without_repeats,
            parse_constant=_refuse_constant,
            parse_float=_number,
        )
    except json.JSONDecodeError as error:
        what = error.msg.removesuffix(" at")
        raise NotJsonError(f"{what} at line {error.lineno}, column {error.colno}.") from None
    except RecursionError:
        raise NotJsonError(f"It has more than {MAX_DEPTH} levels.") from None
    except ValueError as error:  # an integer with too many digits for Python
        raise NotJsonError(f"A number cannot be read: {str(error).partition(':')[0]}.") from None
    _check_depth(value, MAX_DEPTH)
    return value


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
        raise NotJsonError("A key is repeated within an object.")
    return value


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


def _check_depth(value: Any, left: int) -> None:
    if type(value) in _CONTAINERS:
        if left == 0:
            raise NotJsonError(f"It has more than {MAX_DEPTH} levels.")
        for inner in value.values() if type(value) is dict else value:
            if type(inner) in _CONTAINERS:  # cheaper than a call for each value
                _check_depth(inner, left - 1)

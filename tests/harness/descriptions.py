"""Random describing fields of advices: as real files have them, and worse."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

_TEXTS = (
    *("4111 1111 1111 1111 12/28", "4111111111111111", "5555-5555-5555-4444"),
    "DE89 3704 0044 0532 0130 00",
    "GB29NWBK60161331926819",
    "74537606325000000000001",
    "",
    "  ",
    "a\nb\tc\r\n",
    "\x00",
    "\ud800",
    "\u2028\u202e\ufeff",
    "x" * 201,
    "é🧾" * 150,
    "SHOP *1/2, 'A' (B) + C?",
    '{"a": 1}',
    *("USA", "usa", "XKX", "840", "US"),
    *("5942", "594", "0000"),
    *("EUR", "BGN", "XXX", "eur"),
    *("2026-11-20T10:15:00Z", "2026-11-20", "2026-11-20T10:15:00", "2026-12-31T23:59:60Z"),
    *("2026-02-30", "20261120", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59"),
    *("lost", "STOLEN", "none", "R05"),
)
VALUES: tuple[Any, ...] = (
    *_TEXTS,
    *(None, True, False, 0, -1, 1150, 12.5, 1e300, 10**30, 4111111111111111),
    *([], {}, ["4111111111111111"], {"id": None}, [[[{}]]]),
)


@dataclass(frozen=True)
class Written:
    """A value as JSON text, which Python cannot write."""

    text: str


FLAWED = (
    *(Written("1e400"), Written("-1E+999"), Written("9" * 5000)),
    *(Written("[" * depth + "]" * depth) for depth in (33, 2000)),
    Written('{"a":' * 2000 + "1" + "}" * 2000),
    Written('{"id": "m-1", "id": "m-2", "name": "Shop"}'),
    Written('{"a": "b", "c": {"d": 1, "d": 2}}'),
    Written('{"id": "m-1", "name": 1e400}'),
)
"""Values of RFC 8259 that a strict parser refuses."""


def repeated(name: str) -> Written:
    """Return the value of a member that repeats this name."""
    return Written(f'"one", "{name}": "two"')


def written(body: Any) -> bytes:
    """Return a body as JSON, with escapes, since UTF-8 has no surrogates."""
    texts: list[str] = []

    def hold(value: Written) -> str:
        texts.append(value.text)
        return f"@written {len(texts) - 1}@"

    held = json.dumps(body, default=hold)
    return re.sub(r'"@written (\d+)@"', lambda found: texts[int(found[1])], held).encode()


def _value(chance: random.Random) -> Any:
    return chance.choice([*VALUES, *FLAWED])


def _merchant(chance: random.Random) -> Any:
    names = ("id", "name", "category_code", "country", "city")
    return {name: _value(chance) for name in names if chance.random() < 0.8}


def _metadata(chance: random.Random) -> Any:
    keys = [chance.choice([*_TEXTS, f"key {number}"]) for number in range(chance.randrange(25))]
    return {key: _value(chance) for key in keys}


_SHAPED: Mapping[str, Callable[[random.Random], Any]] = {
    "merchant": _merchant,
    "metadata": _metadata,
}


def describe(chance: random.Random, names: tuple[str, ...]) -> dict[str, Any]:
    """Return some of the describing fields with these names, with random values."""
    return {
        name: repeated(name)
        if chance.random() < 0.02
        else (_SHAPED.get(name, _value) if chance.random() < 0.8 else _value)(chance)
        for name in names
        if chance.random() < 0.7
    }

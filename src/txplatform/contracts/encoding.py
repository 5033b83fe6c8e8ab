"""Responses and messages as JSON: every time has microseconds, money is an integer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import orjson

from txplatform.contracts.times import rfc3339


def to_json(body: Any) -> bytes:
    """Return a dataclass, or a collection of them, as JSON in UTF-8."""
    return orjson.dumps(body, default=_encode, option=orjson.OPT_PASSTHROUGH_DATETIME)


def _encode(value: Any) -> str | dict[str, Any]:
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.asdict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form here")

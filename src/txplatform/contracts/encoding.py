"""Encode responses and messages as JSON. Times are RFC 3339 in UTC with microseconds."""

from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec
import orjson


@lru_cache(maxsize=1)  # the decisions of a batch have the same time
def rfc3339(time: datetime) -> str:
    """Format a UTC time as `2026-11-20T10:15:00.123456Z`."""
    return time.isoformat(timespec="microseconds").replace("+00:00", "Z")


def rfc3339_or_none(time: datetime | None) -> str | None:
    """Format a UTC time; None stays None."""
    return None if time is None else rfc3339(time)


def to_json(body: Any) -> bytes:
    """Encode a dataclass, or a collection of dataclasses, as JSON in UTF-8."""
    return orjson.dumps(body, default=_encode, option=orjson.OPT_PASSTHROUGH_DATETIME)


def _encode(value: Any) -> str | dict[str, Any]:
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.asdict(value)
    raise TypeError(f"{type(value).__name__} cannot be encoded as JSON")

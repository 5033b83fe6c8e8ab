"""How times are written: RFC 3339, UTC, always with microseconds."""

from __future__ import annotations

from datetime import datetime


def rfc3339(time: datetime) -> str:
    """`2026-11-20T10:15:00.123456Z` for a time in UTC."""
    return time.isoformat(timespec="microseconds").replace("+00:00", "Z")


def rfc3339_or_none(time: datetime | None) -> str | None:
    """The same, where there is a time."""
    return None if time is None else rfc3339(time)

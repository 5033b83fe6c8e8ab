"""Times as text: RFC 3339, UTC, always with microseconds."""

from __future__ import annotations

from datetime import datetime


def rfc3339(time: datetime) -> str:
    """Return a time in UTC as `2026-11-20T10:15:00.123456Z`."""
    return time.isoformat(timespec="microseconds").replace("+00:00", "Z")


def rfc3339_or_none(time: datetime | None) -> str | None:
    """Return the same, or None without a time."""
    return None if time is None else rfc3339(time)

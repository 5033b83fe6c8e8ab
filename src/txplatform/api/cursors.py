"""Cursors of the log: opaque to callers, a position to us."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

from txplatform.api.problems import VALIDATION, ProblemError

_MAX_POSITION = 2**63 - 1
_PLACE = re.compile(rb"log:([0-9]{1,19})")


def cursor_of(position: int) -> str:
    """The cursor that goes on behind this position."""
    return urlsafe_b64encode(b"log:%d" % position).decode().rstrip("=")


def position_of(cursor: str | None, parameter: str = "after") -> int:
    """The position behind which this cursor goes on; 0, the beginning, where there is none.

    Args:
        cursor: As it was sent.
        parameter: The name it was sent under.

    Raises:
        ProblemError: It is not one of our cursors.
    """
    if not cursor:
        return 0
    try:
        place = _PLACE.fullmatch(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:
        place = None
    if place is None or (position := int(place[1])) > _MAX_POSITION:
        raise ProblemError(
            VALIDATION,
            "The cursor is not one that this API gave.",
            "Send a cursor as it was given, or none to begin at the beginning.",
            errors=[{"pointer": f"/{parameter}", "message": "is not a cursor of this API"}],
        )
    return position

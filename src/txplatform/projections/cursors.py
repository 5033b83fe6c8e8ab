"""Opaque cursors of lists that go by account version (keyset pagination)."""

from __future__ import annotations

import base64
import binascii

from txplatform.errors import TxPlatformError

_LONGEST = 26
"""Base64 of a 64-bit number's 19 digits, without padding."""


class InvalidCursorError(TxPlatformError):
    """A cursor that no page has given out.

    Attributes:
        reason: What is wrong with it.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(
            "The cursor is not valid.",
            why=f"It {reason}.",
            next_step="Use next_cursor of the page before, unchanged, or none for the first page.",
        )
        self.reason = reason


def cursor_at(version: int) -> str:
    """The cursor of a page that ends at this account version."""
    return base64.urlsafe_b64encode(str(version).encode()).rstrip(b"=").decode()


def version_at(cursor: str) -> int:
    """The account version at which the page before has ended.

    Raises:
        InvalidCursorError: No page has given this cursor out.
    """
    if len(cursor) > _LONGEST:
        raise InvalidCursorError(f"has more than {_LONGEST} characters")
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        digits = base64.b64decode(padded, altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise InvalidCursorError("is not base64url") from None
    if not digits.isdigit() or int(digits) not in range(1, 2**63):
        raise InvalidCursorError("names no place in this list")
    return int(digits)

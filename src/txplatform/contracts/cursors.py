"""Opaque cursors for paged lists. A cursor encodes an account version or a log position."""

import binascii
from base64 import b64decode, urlsafe_b64encode

from txplatform.errors import TxPlatformError

_MOST = 2**63 - 1


class InvalidCursorError(TxPlatformError):
    """A cursor is malformed or belongs to another list.

    Attributes:
        reason: The fault as a phrase, such as `is not base64url`.
        parameter: The name of the request parameter.
    """

    def __init__(self, reason: str, parameter: str) -> None:
        super().__init__(
            "The cursor is not valid.",
            why=f"It {reason}.",
            next_step="Send a cursor from a response unchanged, or start without a cursor.",
        )
        self.reason = reason
        self.parameter = parameter


class CursorKind:
    """Encodes and decodes the cursors for one kind of list.

    Args:
        prefix: Distinguishes these cursors from the cursors for other lists.
        first: The lowest valid position.
    """

    def __init__(self, prefix: bytes, first: int) -> None:
        self._prefix = prefix
        self._first = first
        self._longest = len(self.write(_MOST))

    def write(self, place: int) -> str:
        """Return the cursor for the items that follow a position in the list."""
        return urlsafe_b64encode(self._prefix + b"%d" % place).rstrip(b"=").decode()

    def read(self, cursor: str, parameter: str = "cursor") -> int:
        """Return the position that a cursor encodes.

        Raises:
            InvalidCursorError: The cursor is malformed or belongs to another list.
        """
        if len(cursor) > self._longest:
            raise InvalidCursorError(f"has more than {self._longest} characters", parameter)
        try:
            padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
            place = b64decode(padded, altchars=b"-_", validate=True)
        except (UnicodeEncodeError, binascii.Error):
            raise InvalidCursorError("is not base64url", parameter) from None
        digits = place.removeprefix(self._prefix)
        if (
            not place.startswith(self._prefix)
            or not digits.isdigit()
            or not self._first <= int(digits) <= _MOST
        ):
            raise InvalidCursorError("does not belong to this list", parameter)
        return int(digits)


ACCOUNT_VERSIONS = CursorKind(b"", first=1)
LOG_POSITIONS = CursorKind(b"log:", first=0)

"""Opaque cursors of paged lists. A cursor holds an account version or a log position."""

import binascii
from base64 import b64decode, urlsafe_b64encode

from txplatform.errors import TxPlatformError

_MOST = 2**63 - 1


class InvalidCursorError(TxPlatformError):
    """A cursor that no response contained.

    Attributes:
        reason: The fault, as the end of a sentence.
        parameter: The request parameter.
    """

    def __init__(self, reason: str, parameter: str) -> None:
        super().__init__(
            "The cursor is not valid.",
            why=f"It {reason}.",
            next_step="Send a cursor unchanged, or none to start at the beginning.",
        )
        self.reason = reason
        self.parameter = parameter


class CursorKind:
    """The cursors of one kind of list.

    Args:
        prefix: Distinguishes these cursors from those of another kind of list.
        first: The lowest place in such a list.
    """

    def __init__(self, prefix: bytes, first: int) -> None:
        self._prefix = prefix
        self._first = first
        self._longest = len(self.write(_MOST))

    def write(self, place: int) -> str:
        """Return the cursor of the items after a place."""
        return urlsafe_b64encode(self._prefix + b"%d" % place).rstrip(b"=").decode()

    def read(self, cursor: str, parameter: str = "cursor") -> int:
        """Return the place after which a cursor's items start.

        Args:
            cursor: The cursor.
            parameter: The request parameter, for the error.

        Raises:
            InvalidCursorError: It is not a cursor of this kind.
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
            raise InvalidCursorError("names no place in this list", parameter)
        return int(digits)


ACCOUNT_VERSIONS = CursorKind(b"", first=1)
LOG_POSITIONS = CursorKind(b"log:", first=0)

"""Opaque cursors for paged lists."""

import binascii
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from struct import pack, unpack
from typing import TypeVar

import orjson

from txplatform.errors import TxPlatformError

Item = TypeVar("Item")

CURSOR_FORM = "[A-Za-z0-9_-]+"
MAX_CURSOR = 64
_DIGEST_BYTES = 8
_NUMBER_BYTES = 8


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_microseconds(time: datetime) -> int:
    """Return the microseconds since 1970, for use in a place."""
    return (time - _EPOCH) // _MICROSECOND


def from_microseconds(microseconds: int) -> datetime:
    """Return the UTC time that is this many microseconds after 1970."""
    return _EPOCH + microseconds * _MICROSECOND


class InvalidCursorError(TxPlatformError):
    """A cursor is malformed, or belongs to another list or to other filters.

    Attributes:
        parameter: The name of the request parameter or header.
    """

    def __init__(self, parameter: str) -> None:
        super().__init__(
            "The cursor is not valid here.",
            why="It is not a cursor of this list, with this account and these filters.",
            next_step="Send `next_cursor` unchanged, to the same path and with the same filters; or"
            " start without a cursor.",
        )
        self.parameter = parameter


class Cursors:
    """Writes and reads the cursors of one list.

    A cursor has a place in the list and a digest of the list's name, account, filters and the
    place. So each list accepts its own cursors only.

    Args:
        name: The name of the list. A cursor that a client has stored is valid until it changes.
        scope: The account and the filters of the list; None if a filter is not used.
    """

    def __init__(self, name: str, **scope: object) -> None:
        # Without the unused filters, so that a new filter does not invalidate stored cursors.
        used = {key: value for key, value in sorted(scope.items()) if value is not None}
        self._list = orjson.dumps([name, used])

    def write(self, *place: int) -> str:
        """Return the cursor for the items that follow a place in the list.

        Args:
            place: 64-bit integers; their meaning is up to the list.
        """
        packed = pack(f">{len(place)}q", *place)
        digest = blake2b(self._list + packed, digest_size=_DIGEST_BYTES).digest()
        return urlsafe_b64encode(digest + packed).rstrip(b"=").decode()

    def read(self, cursor: str | None, *start: int, parameter: str = "cursor") -> tuple[int, ...]:
        """Return the place that a cursor encodes, or `start` without a cursor.

        Raises:
            InvalidCursorError: The cursor is malformed, or belongs to another list.
        """
        if cursor is None:
            return start
        try:
            padding = b"=" * (-len(cursor) % 4)
            written = b64decode(cursor.encode("ascii") + padding, altchars=b"-_")
        except (UnicodeEncodeError, binascii.Error):
            raise InvalidCursorError(parameter) from None
        packed = written[_DIGEST_BYTES:]
        if len(packed) != len(start) * _NUMBER_BYTES:
            raise InvalidCursorError(parameter)
        place = unpack(f">{len(start)}q", packed)
        if self.write(*place) != cursor:
            raise InvalidCursorError(parameter)
        return place

    def page(
        self, items: Sequence[Item], cursor: str | None, limit: int
    ) -> tuple[list[Item], str | None]:
        """Return a page of items in memory, and the cursor for the next page, None for the last.

        Args:
            items: All items, in an order in which new items come last.
            cursor: The cursor of the page; None for the first page.
            limit: The maximum page size.

        Raises:
            InvalidCursorError: The cursor is malformed, or belongs to another list.
        """
        (first,) = self.read(cursor, 0)
        end = first + limit
        return [*items[first:end]], self.write(end) if end < len(items) else None

"""Paged lists: their parameters, and cursors that only the list that wrote them accepts."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Annotated, TypeVar

from fastapi import Query

from txbank.errors import InvalidCursorError

Item = TypeVar("Item")
Id = TypeVar("Id")

Limit = Annotated[int, Query(ge=1, le=500, description="The largest number of items.")]
Cursor = Annotated[
    str | None,
    Query(description="`next_cursor` of an earlier page. Send the same filters with it."),
]

_DIGEST_BYTES = 8


class Cursors:
    """Writes and reads the cursors of one list.

    A cursor has the id of a page's last item, and a digest of the id, the list's name and its
    filters.

    Args:
        name: The name of the list.
        filters: The filters of the list; None if one is not used.
    """

    def __init__(self, name: str, **filters: str | None) -> None:
        self._list = json.dumps([name, filters], sort_keys=True).encode()

    def read(self, cursor: str | None, id_of: Callable[[str], Id]) -> Id | None:
        """Return the id after which the page begins; None without a cursor.

        Args:
            cursor: As it was sent.
            id_of: Returns the id that a text stands for, or raises ValueError.

        Raises:
            InvalidCursorError: It is not a cursor of this list with these filters.
        """
        if cursor is None:
            return None
        try:
            padding = "=" * (-len(cursor) % 4)
            text = urlsafe_b64decode(cursor + padding)[_DIGEST_BYTES:].decode()
            if self._write(text) == cursor and text.isprintable():
                return id_of(text)
        except ValueError:  # not ASCII, not Base64, not UTF-8, or not such an id
            raise InvalidCursorError from None
        raise InvalidCursorError

    def page(
        self, found: Sequence[Item], limit: int, id_of: Callable[[Item], object]
    ) -> tuple[Sequence[Item], str | None]:
        """Return the items of a page, and the cursor for the next one; None on the last page.

        Args:
            found: The items from the beginning of the page on, at least one more than `limit` if
                there are so many.
            limit: The largest number of items of the page.
            id_of: Returns the id of an item.
        """
        items = found[:limit]
        more = len(found) > limit
        return items, self._write(str(id_of(items[-1]))) if more else None

    def _write(self, text: str) -> str:
        last = text.encode()
        digest = blake2b(self._list + last, digest_size=_DIGEST_BYTES).digest()
        return urlsafe_b64encode(digest + last).rstrip(b"=").decode()

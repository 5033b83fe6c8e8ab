"""Lists that are read page by page while they are iterated."""

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from txplatform_client.call import ListCall

if TYPE_CHECKING:
    from txplatform_client.client import AsyncClient, Client

PageT = TypeVar("PageT")
Item = TypeVar("Item")


def _next(call: ListCall[PageT, Item], page: Any) -> ListCall[PageT, Item] | None:
    """Return the call for the page after this one; None at the end.

    A feed has a cursor on every page. It ends at an empty page that returns its own cursor.
    """
    cursor = page.next_cursor
    if cursor is None or (not page.items and cursor == call.query.get("cursor")):
        return None
    return call.after(cursor)


class Pages(Generic[PageT, Item]):
    """A list. Iterate over it for all items from its cursor on, or read one page."""

    def __init__(self, client: "Client", call: ListCall[PageT, Item]) -> None:
        self._client = client
        self._call = call

    def page(self) -> PageT:
        """Return one page, with the cursor for the next one."""
        return self._client.send(self._call)

    def __iter__(self) -> Iterator[Item]:
        call: ListCall[PageT, Item] | None = self._call
        while call is not None:
            page: Any = self._client.send(call)
            yield from page.items
            call = _next(call, page)


class AsyncPages(Generic[PageT, Item]):
    """A list. Iterate over it for all items from its cursor on, or read one page."""

    def __init__(self, client: "AsyncClient", call: ListCall[PageT, Item]) -> None:
        self._client = client
        self._call = call

    async def page(self) -> PageT:
        """Return one page, with the cursor for the next one."""
        return await self._client.send(self._call)

    async def __aiter__(self) -> AsyncIterator[Item]:
        call: ListCall[PageT, Item] | None = self._call
        while call is not None:
            page: Any = await self._client.send(call)
            for item in page.items:
                yield item
            call = _next(call, page)

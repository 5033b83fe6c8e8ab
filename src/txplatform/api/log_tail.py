"""Read the log for event streams: streams at the same position share a query and its encoding."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from txplatform.api.queries import Queries
from txplatform.eventstore.log import read_log
from txplatform.eventstore.statements import LoggedEvent

_BATCH = 200


class StreamedEvents(NamedTuple):
    """The next events after a position, encoded; `position` is that of the last one."""

    position: int
    messages: Sequence[bytes]


class LogTail:
    """Reads events after a position, once for all streams that ask at the same time."""

    def __init__(self, queries: Queries, encode: Callable[[LoggedEvent], bytes]) -> None:
        self._queries = queries
        self._encode = encode
        self._reading: dict[int, asyncio.Task[StreamedEvents]] = {}

    async def read(self, after: int) -> StreamedEvents:
        """Return the next events, or none if there are none yet.

        Raises:
            StoreUnavailableError: The database is unavailable, or did not respond in time.
        """
        task = self._reading.get(after)
        if task is None:
            task = asyncio.create_task(self._read(after))
            self._reading[after] = task
        return await asyncio.shield(task)

    async def _read(self, after: int) -> StreamedEvents:
        try:
            events = await self._queries.run(partial(read_log, after=after, limit=_BATCH))
        finally:
            del self._reading[after]
        position = events[-1].position if events else after
        return StreamedEvents(position, [*map(self._encode, events)])

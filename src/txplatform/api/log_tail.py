"""Read the log for event streams: streams at the same position share a query and its encoding."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import NamedTuple

import psycopg

from txplatform.api.queries import Queries
from txplatform.contracts.events import EventResponse, SimulatedEventResponse
from txplatform.database_clock import DatabaseClock
from txplatform.domain.ids import AccountId, account_stream
from txplatform.eventstore.log import read_log, read_log_of_streams
from txplatform.eventstore.statements import LoggedEvent

_BATCH = 200


_Place = tuple[int, frozenset[str] | None]
"""The position after which a stream reads, and the accounts to which its key is limited."""


class StreamedEvents(NamedTuple):
    """The next events after a position, encoded; `position` is that of the last one."""

    position: int
    messages: Sequence[bytes]


class LogTail:
    """Reads events after a position, once for all streams that ask at the same time."""

    def __init__(
        self,
        queries: Queries,
        clock: DatabaseClock,
        encode: Callable[[LoggedEvent, type[EventResponse]], bytes],
    ) -> None:
        self._queries = queries
        self._clock = clock
        self._encode = encode
        self._reading: dict[_Place, asyncio.Task[StreamedEvents]] = {}

    async def read(self, after: int, accounts: Collection[str] | None = None) -> StreamedEvents:
        """Return the next events, or none if there are none yet; with `accounts`, only theirs.

        Raises:
            StoreUnavailableError: The database is unavailable, or did not respond in time.
        """
        place = after, None if accounts is None else frozenset(accounts)
        task = self._reading.get(place)
        if task is None:
            task = asyncio.create_task(self._read(place))
            task.add_done_callback(_note_end)
            self._reading[place] = task
        return await asyncio.shield(task)

    async def _read(self, place: _Place) -> StreamedEvents:
        after, accounts = place
        try:
            events = await self._queries.run(log_query(accounts, after, _BATCH))
            model = await response_class(self._clock, self._queries)
        finally:
            del self._reading[place]
        position = events[-1].position if events else after
        return StreamedEvents(position, [self._encode(each, model) for each in events])


async def response_class(clock: DatabaseClock, queries: Queries) -> type[EventResponse]:
    """Return the API model of this database's events.

    The process measures its clock all the time, so only the first requests may have to wait for it.

    Raises:
        StoreUnavailableError: The database is unavailable, or did not respond in time.
    """
    if clock.simulated is None:
        await queries.run(clock.measure)
    return SimulatedEventResponse if clock.simulated else EventResponse


def _note_end(task: asyncio.Task[StreamedEvents]) -> None:
    if not task.cancelled():
        task.exception()  # else asyncio reports it if all of its streams have ended


def log_query(
    accounts: Collection[str] | None, after: int, limit: int
) -> Callable[[psycopg.Connection], list[LoggedEvent]]:
    """Return the query for the events after a position; with `accounts`, only theirs."""
    if accounts is None:
        return partial(read_log, after=after, limit=limit)
    streams = [account_stream(AccountId(account_id)) for account_id in accounts]
    return partial(read_log_of_streams, streams=streams, after=after, limit=limit)

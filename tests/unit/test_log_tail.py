"""Event streams share their queries of the log."""

from __future__ import annotations

import asyncio
from typing import Any

from txplatform.api.log_tail import LogTail
from txplatform.database_clock import DatabaseClock
from txplatform.decisions.errors import StoreUnavailableError


class FailingQueries:
    """Queries that wait until they are let go, and then fail."""

    def __init__(self) -> None:
        self.go = asyncio.Event()

    async def run(self, _query: object) -> Any:
        """Fail."""
        await self.go.wait()
        raise StoreUnavailableError(OSError())


def test_a_query_that_fails_after_all_its_streams_have_ended_is_no_defect() -> None:
    """Otherwise asyncio would report an exception that nobody has retrieved."""
    reported: list[dict[str, Any]] = []

    async def leave() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, found: reported.append(found))
        queries = FailingQueries()
        clock = DatabaseClock()
        clock.note(0, 0)
        tail = LogTail(queries, clock, lambda *_: b"")  # type: ignore[arg-type]
        streams = [asyncio.create_task(tail.read(0)) for _ in range(2)]
        await asyncio.sleep(0)
        for stream in streams:
            stream.cancel()
        await asyncio.gather(*streams, return_exceptions=True)
        queries.go.set()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.wait(others)

    asyncio.run(leave())
    assert reported == []

"""A TCP proxy that can lose a reply: the request arrives and is done, the answer never comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class LossyProxy:
    """Passes bytes both ways; loses the reply to the first request that holds a marker.

    Attributes:
        clients: Connections that it passes on.
        port: Where it listens.
        lost: How many replies were lost.
        closed_after_loss: Whether nobody gets through any more once a reply was lost.
    """

    def __init__(self, target_port: int, marker: bytes) -> None:
        self.port = 0
        self.lost = 0
        self.closed_after_loss = False
        self.clients: set[asyncio.Task[None]] = set()
        self._target_port = target_port
        self._marker: bytes | None = marker
        self._writers: set[asyncio.StreamWriter] = set()

    def cut(self) -> None:
        """Lose every connection there is, whatever it waits for; new ones get through."""
        for writer in self._writers:
            writer.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client's connection."""
        task = asyncio.create_task(self._pass_on(reader, writer))
        self.clients.add(task)
        self._writers.add(writer)
        await task
        self._writers.discard(writer)
        self.clients.discard(task)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.lost and self.closed_after_loss:
            writer.close()
            return
        to_server_reader, to_server = await asyncio.open_connection("127.0.0.1", self._target_port)
        losing = asyncio.Event()

        async def requests() -> None:
            while data := await reader.read(65536):
                if self._marker is not None and self._marker in data:
                    self._marker = None
                    losing.set()
                to_server.write(data)
                await to_server.drain()

        async def replies() -> None:
            while data := await to_server_reader.read(65536):
                if losing.is_set():
                    # The server has answered, so the request is done; the client never learns.
                    self.lost += 1
                    return
                writer.write(data)
                await writer.drain()

        ways = [asyncio.create_task(requests()), asyncio.create_task(replies())]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for end in (writer, to_server):
                end.close()
                await asyncio.gather(end.wait_closed(), return_exceptions=True)


@asynccontextmanager
async def lossy_proxy(target_port: int, marker: bytes) -> AsyncIterator[LossyProxy]:
    """A proxy in front of a local port."""
    proxy = LossyProxy(target_port, marker)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await asyncio.gather(*proxy.clients)

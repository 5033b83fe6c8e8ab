"""A TCP proxy that can drop the response to a request that the server has executed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class LossyProxy:
    """Forwards bytes both ways, but drops the response to the first request with the marker.

    Attributes:
        clients: The connections being forwarded.
        port: The port on which the proxy listens.
        lost: The number of dropped responses.
        closed_after_loss: Whether new connections are closed after the first dropped response.
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
        """Close all current connections. New connections are still forwarded."""
        for writer in self._writers:
            writer.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward the connection of one client."""
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
                    # The server has executed the request, but the client gets no response.
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
    """Run a proxy in front of a local port."""
    proxy = LossyProxy(target_port, marker)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await asyncio.gather(*proxy.clients)

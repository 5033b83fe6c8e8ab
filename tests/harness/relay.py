"""A TCP relay in front of a local port, which fails as networks do."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self

_CHUNK = 65536


class Relay:
    """Forwards connections; `cut`, `silence` and `slow` last until `restore`.

    Attributes:
        port: The port on which the relay listens.
    """

    def __init__(self, port: int, target_port: int) -> None:
        self.port = port
        self._target_port = target_port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="relay", daemon=True)
        self._flowing = asyncio.Event()
        self._delay_s = 0.0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        self.restore()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.restore()
        self.cut()
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        """Close all connections and refuse new ones."""
        self._run(self._cut())

    def reset(self) -> None:
        """Close all connections; new ones are forwarded."""
        self._run(self._reset())

    def silence(self) -> None:
        """Forward nothing; connections stay open and new ones are accepted."""
        self._loop.call_soon_threadsafe(self._flowing.clear)

    def slow(self, delay_s: float) -> None:
        """Delay everything that is forwarded."""
        self._delay_s = delay_s

    def restore(self) -> None:
        """Forward everything at once."""
        self._delay_s = 0.0
        self._run(self._restore())

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _restore(self) -> None:
        self._flowing.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def _cut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._reset()

    async def _reset(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _end(self) -> None:
        await asyncio.gather(*self._serving)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        self._writers.add(writer)
        try:
            target = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            writer.transport.abort()
        else:
            self._writers.add(target[1])
            await asyncio.gather(self._copy(reader, target[1]), self._copy(target[0], writer))
            self._writers.discard(target[1])
        self._writers.discard(writer)

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward one direction until its end; then close the other end."""
        try:
            while data := await reader.read(_CHUNK):
                await self._flowing.wait()
                if self._delay_s:
                    await asyncio.sleep(self._delay_s)
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            writer.transport.abort()
        else:
            writer.close()

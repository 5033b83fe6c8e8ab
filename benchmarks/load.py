"""A closed-loop load generator: each connection sends its next request when it is answered.

Run as a process of its own, so that it shares no interpreter with what it measures; it does as
little as it can, since it shares the machine's cores.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict, dataclass
from itertools import count
from time import perf_counter
from typing import TYPE_CHECKING, cast

import uvloop

if TYPE_CHECKING:
    from collections.abc import Iterator

_END_OF_HEAD = b"\r\n\r\n"


@dataclass(frozen=True)
class Load:
    """What to send.

    Attributes:
        path: Where to.
        run: Part of every id, so that no two loads share one.
        accounts: How many accounts the requests go round.
        seconds: How long, after a warm-up of a fifth of it.
    """

    port: int
    key: str
    path: str
    run: str
    connections: int
    accounts: int
    seconds: float


@dataclass(frozen=True)
class Measured:
    """What came of it; latencies in milliseconds."""

    per_second: float
    p50: float
    p95: float
    p99: float
    answered: int
    failed: int


class _Connection(asyncio.Protocol):
    """Sends one request after the other."""

    def __init__(self, requests: Iterator[bytes], latencies: list[float]) -> None:
        self._requests = requests
        self._latencies = latencies
        self._received = b""
        self._sent = 0.0
        self.failed = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        received = self._received + data
        end = received.find(_END_OF_HEAD)
        if end < 0:
            self._received = received
            return
        head = received[:end].lower()
        at = head.find(b"content-length: ") + 16
        length = int(head[at : at + 10].split(b"\r\n", 1)[0])
        if len(received) - end - len(_END_OF_HEAD) < length:
            self._received = received
            return
        self._received = b""
        self._latencies.append(perf_counter() - self._sent)
        if not head.startswith(b"http/1.1 200"):
            self.failed += 1
        self._send()

    def _send(self) -> None:
        self._sent = perf_counter()
        self._transport.write(next(self._requests))

    def close(self) -> None:
        """Stop sending."""
        self._transport.abort()


def _requests(load: Load) -> Iterator[bytes]:
    head = (
        f"POST {load.path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {load.key}\r\n"
        "Content-Type: application/json\r\nContent-Length: "
    )
    for number in count():
        body = (
            f'{{"transaction_id": "{load.run}-{number}",'
            f' "account_id": "bench-{number % load.accounts}", "amount": 100, "currency": "USD",'
            ' "merchant": {"id": "m-17", "name": "Corner Books", "category_code": "5942",'
            ' "country": "USA"}}'
        )
        yield f"{head}{len(body)}\r\n\r\n{body}".encode()


async def _run(load: Load) -> Measured:
    loop = asyncio.get_running_loop()
    latencies: list[float] = []
    requests = _requests(load)
    connections = [
        (
            await loop.create_connection(
                lambda: _Connection(requests, latencies), "127.0.0.1", load.port
            )
        )[1]
        for _ in range(load.connections)
    ]
    await asyncio.sleep(load.seconds / 5)
    latencies.clear()
    started = perf_counter()
    await asyncio.sleep(load.seconds)
    took = perf_counter() - started
    seen = sorted(latencies)
    for connection in connections:
        connection.close()

    def percentile(share: float) -> float:
        return round(1000 * seen[int(share * (len(seen) - 1))], 3) if seen else float("nan")

    return Measured(
        per_second=round(len(seen) / took, 1),
        p50=percentile(0.5),
        p95=percentile(0.95),
        p99=percentile(0.99),
        answered=len(seen),
        failed=sum(connection.failed for connection in connections),
    )


if __name__ == "__main__":
    print(json.dumps(asdict(uvloop.run(_run(Load(**json.loads(sys.argv[1])))))))

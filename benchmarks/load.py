"""The load: a process of its own, which does as little as it can, on the cores it shares.

Closed loop: each connection sends its next request when its last one is answered. What a slow
answer delays is not sent, hence not measured: good for the highest rate, not for latency.
Open loop: requests are due on a fixed schedule, and latency counts from when one was due, also
where every connection was busy at that time.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import count, islice
from time import perf_counter
from typing import cast

import uvloop

_END_OF_HEAD = b"\r\n\r\n"
_TICK_S = 0.001
_WARM_UP = 0.2


@dataclass(frozen=True)
class Load:
    """What to send.

    Attributes:
        ports: Of the API's processes; each connection goes to one of them.
        path: Where purchases go.
        run: Part of every id, so that no two loads share one.
        prefix: What the names of the accounts begin with.
        accounts: How many accounts the requests are spread over.
        seconds: How long, after a warm-up of a fifth of it.
        in_order: Whether the accounts are taken one after the other, instead of at random.
        reads: The share of the requests that read a balance.
        rate: Requests a second in an open loop; None for a closed one.
        most: How many requests are sent, without a warm-up: the load ends once they are
            answered. None for as many as fit into the time.
    """

    ports: tuple[int, ...]
    key: str
    path: str
    run: str
    prefix: str
    connections: int
    accounts: int
    seconds: float
    in_order: bool = False
    reads: float = 0
    rate: float | None = None
    most: int | None = None


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
    """Sends a request and tells when it is answered."""

    def __init__(self, answered: Callable[[_Connection, bool], None]) -> None:
        self._answered = answered
        self._received = b""
        self.since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

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
        self._answered(self, head.startswith(b"http/1.1 200"))

    def send(self, request: bytes, since: float) -> None:
        """Send a request whose latency counts from `since`."""
        self.since = since
        self._transport.write(request)

    def close(self) -> None:
        """Send nothing more."""
        self._transport.abort()


class _Loop:
    """What both loops count."""

    def __init__(self, requests: Iterator[bytes], most: int | None) -> None:
        self._requests = requests
        self._most = most
        self.latencies: list[float] = []
        self.failed = 0
        self.done = asyncio.Event()

    def start(self, connections: Sequence[_Connection]) -> None:
        """Begin to send."""
        raise NotImplementedError

    def stop(self) -> None:
        """Send nothing more by itself."""

    def answered(self, connection: _Connection, succeeded: bool) -> None:  # noqa: FBT001  # a callback
        """One request was answered."""
        self.latencies.append(perf_counter() - connection.since)
        self.failed += not succeeded
        if len(self.latencies) == self._most:
            self.done.set()
        self._next(connection)

    def _next(self, connection: _Connection) -> None:
        raise NotImplementedError


class _Closed(_Loop):
    def start(self, connections: Sequence[_Connection]) -> None:
        for connection in connections:
            self._next(connection)

    def _next(self, connection: _Connection) -> None:
        if (request := next(self._requests, None)) is not None:
            connection.send(request, perf_counter())


class _Open(_Loop):
    def __init__(self, requests: Iterator[bytes], rate: float) -> None:
        super().__init__(requests, most=None)
        self._interval_s = 1 / rate
        self._idle: deque[_Connection] = deque()
        self._due: deque[float] = deque()
        self._next_due = 0.0
        self._ticking: asyncio.TimerHandle | None = None

    def start(self, connections: Sequence[_Connection]) -> None:
        self._idle.extend(connections)
        self._next_due = perf_counter()
        self._tick()

    def _tick(self) -> None:
        now = perf_counter()
        while self._next_due <= now:
            self._due.append(self._next_due)
            self._next_due += self._interval_s
        while self._due and self._idle:
            self._idle.popleft().send(next(self._requests), self._due.popleft())
        self._ticking = asyncio.get_running_loop().call_later(_TICK_S, self._tick)

    def stop(self) -> None:
        if self._ticking is not None:
            self._ticking.cancel()

    def _next(self, connection: _Connection) -> None:
        if self._due:
            connection.send(next(self._requests), self._due.popleft())
        else:
            self._idle.append(connection)


def _requests(load: Load) -> Iterator[bytes]:
    common = f"Host: localhost\r\nAuthorization: Bearer {load.key}\r\n"
    post = (
        f"POST {load.path} HTTP/1.1\r\n{common}Content-Type: application/json\r\nContent-Length: "
    )
    chosen = random.Random(load.run)  # no secret
    for number in count():
        index = number if load.in_order else int(chosen.random() * load.accounts)
        account = f"{load.prefix}-{index % load.accounts}"
        if load.reads and chosen.random() < load.reads:
            yield f"GET /v1/accounts/{account}/balance HTTP/1.1\r\n{common}\r\n".encode()
            continue
        body = (
            f'{{"transaction_id": "{load.run}-{number}", "account_id": "{account}",'
            ' "amount": 100, "currency": "USD",'
            ' "merchant": {"id": "m-17", "name": "Corner Books", "category_code": "5942",'
            ' "country": "USA"}}'
        )
        yield f"{post}{len(body)}\r\n\r\n{body}".encode()


async def _run(load: Load) -> Measured:
    loop = asyncio.get_running_loop()
    requests = islice(_requests(load), load.most)
    sending = _Closed(requests, load.most) if load.rate is None else _Open(requests, load.rate)
    connections = [
        (
            await loop.create_connection(
                lambda: _Connection(sending.answered),
                "127.0.0.1",
                load.ports[number % len(load.ports)],
            )
        )[1]
        for number in range(load.connections)
    ]
    started = perf_counter()
    sending.start(connections)
    if load.most is None:
        await asyncio.sleep(load.seconds * _WARM_UP)
        sending.latencies.clear()
        started = perf_counter()
    with suppress(TimeoutError):
        await asyncio.wait_for(sending.done.wait(), load.seconds)
    took = perf_counter() - started
    seen = sorted(sending.latencies)
    sending.stop()
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
        failed=sending.failed,
    )


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    asked["ports"] = tuple(asked["ports"])
    print(json.dumps(asdict(uvloop.run(_run(Load(**asked))))))

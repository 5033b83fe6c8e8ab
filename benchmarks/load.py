"""The load generator, a separate process that uses as little CPU as possible.

Closed loop: each connection sends its next request when the previous response arrives. A slow
response delays later requests, and no latency includes that delay. So a closed loop finds the
highest rate, but not the latency. Open loop: requests are due on a fixed schedule, and latency
counts from the due time, even if all connections were busy then.
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
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
_WARM_UP, _WARM_UP_AT_MOST_S = 0.2, 1.0
BODY = (
    '{"transaction_id": "%s", "account_id": "%s", "amount": 100, "currency": "USD",'
    ' "merchant": {"id": "m-17", "name": "Corner Books", "category_code": "5942",'
    ' "country": "USA"}}'
)
"""The body of a purchase, without its ids."""


@dataclass(frozen=True)
class Load:
    """The requests to send.

    Attributes:
        ports: The ports of the API processes; each connection uses one of them.
        path: The path for purchases.
        run: A part of every id, so that no two loads share an id.
        prefix: The beginning of the account ids.
        seconds: The duration, in addition to a warm-up of a fifth of the duration, at most 1 s.
        in_order: True to use the accounts in order, False for random accounts.
        reads: The share of the requests that read a balance.
        rate: Requests per second in an open loop; None for a closed loop.
        most: The number of requests to send, without a warm-up; None for no limit.
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
    """The result of a load; latencies in milliseconds.

    Attributes:
        by_second: The number of responses in each second of the load.
    """

    per_second: float
    p50: float
    p95: float
    p99: float
    responses: int
    failed: int
    by_second: tuple[int, ...] = ()

    def rate_between(self, begin_s: int, end_s: int) -> float:
        """Return the responses per second in a part of the load."""
        return sum(self.by_second[begin_s:end_s]) / (end_s - begin_s)


def run_load(load: Load) -> Measured:
    """Run a load in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load", json.dumps(asdict(load))],
        stdout=subprocess.PIPE,
        check=True,
    )
    return measured_from(done.stdout)


def measured_from(result: bytes | str) -> Measured:
    """Return the result that a load generator printed as JSON."""
    fields = json.loads(result)
    return Measured(**fields | {"by_second": tuple(fields.get("by_second", ()))})


class _Connection(asyncio.Protocol):
    """Sends one request at a time and calls `on_response` after each response."""

    def __init__(self, on_response: Callable[[_Connection, bool], None]) -> None:
        self._on_response = on_response
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
        self._on_response(self, head.startswith(b"http/1.1 200"))

    def send(self, request: bytes, since: float) -> None:
        """Send a request; its latency counts from `since`."""
        self.since = since
        self._transport.write(request)

    def close(self) -> None:
        """Close the connection at once."""
        self._transport.abort()


class _Loop:
    """Counts responses; the base class of closed and open loops."""

    def __init__(self, requests: Iterator[bytes], most: int | None) -> None:
        self._requests = requests
        self._most = most
        self.latencies: list[float] = []
        self.failed = 0
        self.done = asyncio.Event()

    def start(self, connections: Sequence[_Connection]) -> None:
        """Send the first requests."""
        raise NotImplementedError

    def stop(self) -> None:
        """Stop sending on a schedule."""

    def count(self, connection: _Connection, succeeded: bool) -> None:  # noqa: FBT001  # a callback
        """Count a response and send the next request."""
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
    chosen = random.Random(load.run)
    for number in count():
        index = number if load.in_order else int(chosen.random() * load.accounts)
        account = f"{load.prefix}-{index % load.accounts}"
        if load.reads and chosen.random() < load.reads:
            yield f"GET /v1/accounts/{account}/balance HTTP/1.1\r\n{common}\r\n".encode()
            continue
        body = BODY % (f"{load.run}-{number}", account)
        yield f"{post}{len(body)}\r\n\r\n{body}".encode()


async def _run(load: Load) -> Measured:
    loop = asyncio.get_running_loop()
    requests = islice(_requests(load), load.most)
    sending = _Closed(requests, load.most) if load.rate is None else _Open(requests, load.rate)
    connections = [
        (
            await loop.create_connection(
                lambda: _Connection(sending.count),
                "127.0.0.1",
                load.ports[number % len(load.ports)],
            )
        )[1]
        for number in range(load.connections)
    ]
    started = perf_counter()
    sending.start(connections)
    if load.most is None:
        await asyncio.sleep(min(load.seconds * _WARM_UP, _WARM_UP_AT_MOST_S))
        sending.latencies.clear()
        started = perf_counter()
    by_second = await _count_by_second(sending, started, load.seconds)
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
        responses=len(seen),
        failed=sending.failed,
        by_second=by_second,
    )


async def _count_by_second(sending: _Loop, started: float, seconds: float) -> tuple[int, ...]:
    """Wait until the time is over or the last request has a response; count the responses."""
    counts, seen, second = [], 0, 0
    while second < seconds and not sending.done.is_set():
        second += 1
        with suppress(TimeoutError):
            left = started + min(second, seconds) - perf_counter()
            await asyncio.wait_for(sending.done.wait(), left)
        counts.append(len(sending.latencies) - seen)
        seen = len(sending.latencies)
    return tuple(counts)


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    given["ports"] = tuple(given["ports"])
    print(json.dumps(asdict(uvloop.run(_run(Load(**given))))))

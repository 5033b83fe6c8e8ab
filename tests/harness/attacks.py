"""Clients that try to exhaust an API, as a process of their own: `python -m harness.attacks`.

An attacker costs little CPU itself, since it shares the machine with the API: it sends prepared
bytes, and reads responses only where it has to.
"""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count, cycle, islice
from pathlib import Path
from urllib.parse import urlsplit

from harness.api import RunningApi

_CALLERS = 32
"""Connections that send unknown keys; each waits for its response."""


@contextmanager
def attacking(api: RunningApi, name: str) -> Iterator[None]:
    """Run an attack until the context ends."""
    port = urlsplit(api.url).port
    with subprocess.Popen(
        [sys.executable, "-m", "harness.attacks", name, str(port), api.key],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == b"attacking\n"
            yield
            assert process.poll() is None, "the attacker gave up"
        finally:
            process.kill()


def _connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def header_lines(port: int, _key: str) -> Iterator[None]:
    """Send header lines without end, on one connection after the other."""
    block = b"A: " + b"b" * 8000 + b"\r\n"
    for _number in count():
        with _connect(port) as connection, suppress(OSError):
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n")
            for _ in range(12_500):  # 100 MB
                connection.sendall(block)
        yield


def unfinished_heads(port: int, _key: str) -> Iterator[None]:
    """Send 1,000 heads that are as large as allowed, but for their end."""
    sent = b"GET /livez HTTP/1.1\r\n" + (b"A: " + b"b" * 150 + b"\r\n") * 100
    yield from _hold(port, lambda _: sent, 1000, rate=125)


def event_streams(port: int, key: str) -> Iterator[None]:
    """Try to open 1,000 event streams, which are never read."""
    sent = (
        b"GET /v1/events/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\n\r\n"
        % key.encode()
    )
    yield from _hold(port, lambda _: sent, 1000, rate=125)


def event_streams_read(port: int, key: str) -> Iterator[None]:
    """Try to open 100 event streams, and read them."""
    streams = [_connect(port) for _ in range(100)]
    for stream in streams:
        stream.sendall(
            b"GET /v1/events/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\n\r\n"
            % key.encode()
        )
    while True:
        yield
        for stream in select.select(streams, [], [], 1)[0]:
            if not stream.recv(1_000_000):
                streams.remove(stream)


def responses_never_read(port: int, _key: str) -> Iterator[None]:
    """Ask for the API's largest page that needs no key, and never read it."""
    sent = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 10
    yield from _hold(port, lambda _: sent, 500, rate=60)


def unknown_keys(port: int, _key: str) -> Iterator[None]:
    """Send 500 requests a second, each with another made-up key."""
    connections = cycle([_connect(port) for _ in range(_CALLERS)])
    prefix = os.urandom(8).hex()
    began = time.monotonic()
    for number in count():
        connection = next(connections)
        connection.sendall(
            b"GET /v1/currencies HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer txp_%b%027d\r\n\r\n"
            % (prefix.encode(), number)
        )
        if number % _CALLERS == _CALLERS - 1:
            for connection in islice(connections, _CALLERS):
                answer = b""
                while not answer.endswith(b"}"):
                    answer += connection.recv(65_536)
                assert answer.startswith(b"HTTP/1.1 401 "), answer
            ahead_s = began + number / 500 - time.monotonic()
            if ahead_s > 0:
                time.sleep(ahead_s)
        yield


def slow_requests(port: int, key: str) -> Iterator[None]:
    """Begin 1,000 heads and bodies, and send a byte of each now and then."""
    head = b"GET /livez HTTP/1.1\r\nHost: x\r\nA: "
    body = (
        b"POST /v1/process-transaction HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\n"
        b"Content-Length: 60000\r\n\r\n" % key.encode()
    )
    yield from _hold(port, lambda number: (head, body, b"")[number % 3], 1000, rate=125, drip=b"b")


def _hold(
    port: int, sent: Callable[[int], bytes], most: int, *, rate: int, drip: bytes = b""
) -> Iterator[None]:
    """Keep connections on which nothing is read.

    Args:
        port: The port of the API.
        sent: What the connection of a number sends first.
        most: The number of connections.
        rate: How many are opened in a second.
        drip: What each sends every second.
    """
    held: dict[int, socket.socket] = {}
    poll = select.poll()
    opened = count()
    while True:
        until = time.monotonic() + 1
        for _ in range(min(most - len(held), rate)):
            with suppress(OSError):
                connection = _connect(port)
                connection.setblocking(False)
                held[connection.fileno()] = connection
                poll.register(connection, select.POLLRDHUP)
                connection.send(sent(next(opened)))
        yield
        time.sleep(max(0.0, until - time.monotonic()))
        for number, _ in poll.poll(0):
            poll.unregister(number)
            held.pop(number).close()
        for connection in held.values() if drip else ():
            with suppress(OSError):
                connection.send(drip)


ATTACKS = {
    each.__name__: each
    for each in (
        *(header_lines, unfinished_heads, event_streams, event_streams_read),
        *(responses_never_read, unknown_keys, slow_requests),
    )
}


if __name__ == "__main__":
    _program, name, given_port, given_key = sys.argv
    for step, _each in enumerate(ATTACKS[name](int(given_port), given_key)):
        if step == 0:
            sys.stdout.write("attacking\n")
            sys.stdout.flush()

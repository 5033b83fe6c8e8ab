"""Requests that are wrong in random ways: `python -m harness.fuzz --requests 1000000`.

Part of them are bytes on raw sockets: valid requests whose heads, bodies, chunks and cuts were
changed. The others are made by schemathesis from the OpenAPI document.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from math import ceil
from typing import Any
from urllib.parse import urlsplit

import psutil
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from harness.api import RunningApi, open_account, purchase, running_api
from harness.postgres import PostgresServer

ENDLESS = "/v1/events/stream"
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
)
OF_HTTP = frozenset({501, 505})
"""Statuses from 500 that are right for a wrong method, transfer coding or version."""

MOST_GROWTH_MB = 50
"""The most that a part may add to an API's memory. Valid requests add accounts and rule sets."""

_THREADS = 4
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
_ODD_VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 1.5, 1e308, 2**63, 10**400, "", " ", "\x00", "\ud800", "x" * 5000),
    *([], {}, [[]], {"": ""}, "4111111111111111", "💥", "USD", "2026-02-30T00:00:00Z"),
)
_ODD_HEADERS = (
    *(b"Host: y", b"Host: a/b", b"Transfer-Encoding: gzip", b"Transfer-Encoding: chunked"),
    *(b"Content-Length: 3", b"Content-Length: -1", b"Content-Length: 99999999999999999999"),
    *(b"Expect: 100-continue", b"Upgrade: h2c", b"Connection: close", b"Connection: upgrade"),
    *(b"Content-Encoding: gzip", b"Content-Type: text/plain", b"Idempotency-Key: x"),
    *(b"traceparent: ff-0-0-0", b"tracestate: \xff", b'If-None-Match: *, "1", W/"', b": x"),
    *(b"Last-Event-ID: \x80", b"Authorization: Bearer x", b"X: " + b"y" * 9000, b"\xff: \xfe"),
    *(b"Cookie: " + b"a=b; " * 400, b" folded", b"A\x00: b", b"A : b", b"Accept: */*\r"),
)
_ODD_METHODS = (b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"TRACE", b"FOO", b"")
_ODD_VERSIONS = (b"HTTP/1.0", b"HTTP/1.1", b"HTTP/2.0", b"HTTP/0.9", b"HTTP/9", b"", b"http/1.1")


@dataclass
class Report:
    """What was sent, and what came back.

    Attributes:
        statuses: The number of responses by status.
        silent: The connections without any response, such as of a request that was cut off.
        before_mb: The memory of the process before.
        after_mb: The memory at the end.
    """

    requests: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    silent: int = 0
    before_mb: float = 0
    after_mb: float = 0

    @property
    def failures(self) -> dict[int, int]:
        """The responses of 5xx that no input may cause."""
        return {
            status: number
            for status, number in self.statuses.items()
            if status >= 500 and status not in OF_HTTP
        }

    def __str__(self) -> str:
        counts = ", ".join(f"{status}: {self.statuses[status]}" for status in sorted(self.statuses))
        return (
            f"{self.requests} requests, {self.silent} connections without a response; {counts};"
            f" memory {self.before_mb:.0f} MB before, {self.after_mb:.0f} MB after"
        )


def fuzz_sockets(api: RunningApi, requests: int, chosen: int) -> Report:
    """Send at least this many requests over raw sockets.

    Args:
        api: The API.
        requests: The number of requests.
        chosen: The seed.
    """
    open_account(api.client, "fuzzed", 1_000_000)
    examples = _examples(api)
    report = Report(before_mb=memory_mb(api))
    with ThreadPoolExecutor(_THREADS) as threads:
        for part in threads.map(
            lambda number: _fuzz_some(api, examples, requests // _THREADS, chosen + number),
            range(_THREADS),
        ):
            report.requests += part.requests
            report.statuses += part.statuses
            report.silent += part.silent
    report.after_mb = memory_mb(api)
    return report


def fuzz_operations(
    api: RunningApi,
    requests: int,
    chosen: int | None = None,
    *,
    each: Callable[[str, Callable[[], None]], None] = lambda _, run: run(),
) -> Report:
    """Send requests that schemathesis makes from the OpenAPI document, and check the responses.

    Half of them are meant to be valid and half are not.

    Args:
        api: The API.
        requests: The number of requests, shared by the operations whose responses end. Fewer are
            sent to an operation that has no more different ones.
        chosen: The seed; None for the same requests each time.
        each: Runs the requests of an operation, of which it gets the name.
    """
    document = schemathesis.openapi.from_url(f"{api.url}/openapi.json")
    headers = {"Authorization": f"Bearer {api.key}"}
    report = Report(before_mb=memory_mb(api))
    operations = [*document.exclude(path=ENDLESS).get_all_operations()]
    for result in operations:
        assert isinstance(result, Ok)
        operation = result.ok()

        @settings(
            max_examples=ceil(requests / len(operations)),
            derandomize=chosen is None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(
            case=operation.as_strategy(GenerationMode.POSITIVE)
            | operation.as_strategy(GenerationMode.NEGATIVE)
        )
        def fuzz(case: schemathesis.Case[Any]) -> None:
            response = case.call(headers=headers)
            report.requests += 1
            report.statuses[response.status_code] += 1
            case.validate_response(response, checks=[*CHECKS])

        each(operation.label, fuzz if chosen is None else seed(chosen)(fuzz))
    report.after_mb = memory_mb(api)
    return report


def _examples(api: RunningApi) -> Sequence[tuple[bytes, bytes, Any]]:
    """Return method, path and body of a request for each operation that ends."""
    document = api.client.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    found: list[tuple[bytes, bytes, Any]] = [
        (b"GET", path, None) for path in (b"/metrics", b"/docs", b"/nothing", b"*", b"/%00")
    ]
    for template, operations in document["paths"].items():
        path = template.replace("{account_id}", "fuzzed").replace("{", "").replace("}", "")
        for method, operation in operations.items() if template != ENDLESS else ():
            body = None
            if "requestBody" in operation:
                named = re.search(r"schemas/(\w+)", json.dumps(operation["requestBody"]))
                schema = schemas[named[1]] if named else {"properties": {}}
                body = (schema.get("examples") or [dict.fromkeys(schema["properties"], 1)])[0]
            found.append((method.upper().encode(), path.encode(), body))
    found.append((b"POST", b"/v1/process-transaction", purchase("t", "fuzzed", 1)))
    return found * 2 + [found[-1]] * len(found)


def _fuzz_some(
    api: RunningApi, examples: Sequence[tuple[bytes, bytes, Any]], requests: int, chosen: int
) -> Report:
    chance, report = random.Random(chosen), Report()
    port = urlsplit(api.url).port
    while report.requests < requests:
        number = chance.choice((1, 1, 1, 2, 20))
        sent = [_request(chance, api.key, *chance.choice(examples)) for _ in range(number)]
        received = _exchange(("127.0.0.1", port), b"".join(sent), chance)
        statuses = [int(status) for status in _STATUS.findall(received) if status != b"100"]
        report.requests += number
        report.statuses.update(statuses)
        report.silent += not statuses
    return report


def _exchange(address: Any, data: bytes, chance: random.Random) -> bytes:
    """Send bytes in pieces, end or reset the connection, and return what came back."""
    received = []
    with socket.create_connection(address, timeout=60) as connection, suppress(OSError):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        cuts = sorted(chance.randrange(len(data) + 1) for _ in range(chance.choice((0, 0, 1, 5))))
        for begin, end in zip((0, *cuts), (*cuts, len(data)), strict=True):
            connection.sendall(data[begin:end])
        if chance.random() < 0.02:
            return b""  # the client leaves
        connection.shutdown(socket.SHUT_WR)
        while part := connection.recv(1_000_000):
            received.append(part)
    return b"".join(received)


def _request(chance: random.Random, key: str, method: bytes, path: bytes, value: Any) -> bytes:
    """Return a request that is often wrong."""
    body = b"" if value is None else _body(chance, value)
    version = b"HTTP/1.1"
    headers = [b"Host: x", b"Authorization: Bearer " + key.encode()]
    if chance.random() < 0.04:
        method = chance.choice(_ODD_METHODS)
    if chance.random() < 0.04:
        version = chance.choice(_ODD_VERSIONS)
    if chance.random() < 0.1:
        path += chance.choice((b"?limit=", b"?cursor=", b"?dry_run=", b"/", b"?", b"%")) + b"1"
    if chance.random() < 0.02:
        path += b"x" * chance.choice((100, 9000, 70_000))
    if chance.random() < 0.2:
        headers.append(b"Transfer-Encoding: chunked")
        body = _chunked(chance, body)
    elif body or chance.random() < 0.1:
        headers.append(b"Content-Length: %d" % (len(body) + chance.choice((0,) * 20 + (-1, 1))))
    for _ in range(chance.choice((0,) * 12 + (1, 1, 3, 120))):
        headers.insert(chance.randrange(len(headers) + 1), chance.choice(_ODD_HEADERS))
    if chance.random() < 0.03:
        headers.pop(chance.randrange(len(headers)))
    head = b"\r\n".join((b" ".join((method, path, version)), *headers, b"", b""))
    return _damaged(chance, head, 0.06) + _damaged(chance, body, 0.06)


def _body(chance: random.Random, value: Any) -> bytes:
    value = json.loads(json.dumps(value))
    if chance.random() < 0.6:
        at = value
        while isinstance(at, dict | list) and at:
            name = chance.choice([*at]) if isinstance(at, dict) else chance.randrange(len(at))
            if not isinstance(at[name], dict | list) or not at[name] or chance.random() < 0.3:
                at[name] = chance.choice(_ODD_VALUES)
                break
            at = at[name]
    if isinstance(value, dict) and "transaction_id" in value and chance.random() < 0.7:
        value["transaction_id"] = f"t{chance.randrange(1000)}"
    return json.dumps(value).encode()


def _chunked(chance: random.Random, body: bytes) -> bytes:
    parts, at = [], 0
    while at < len(body):
        size = chance.choice((1, 7, 100, 5000))
        piece = body[at : at + size]
        extension = chance.choice((b"", b"", b";a=b", b";" + b"x" * 3000, b"\x00"))
        parts.append(b"%x%b\r\n%b\r\n" % (len(piece), extension, piece))
        at += size
    trailers = chance.choice((b"", b"", b"A: b\r\n", b"Host: z\r\n" * 50, b"bad\r\n"))
    return b"".join((*parts, b"0\r\n", trailers, b"\r\n"))


def _damaged(chance: random.Random, data: bytes, probability: float) -> bytes:
    """Return bytes of which some were changed, removed or doubled."""
    if not data or chance.random() > probability:
        return data
    damaged = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8))):
        at = chance.randrange(len(damaged) + 1)
        match chance.randrange(4):
            case 0:
                damaged[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del damaged[at : at + chance.choice((1, 2, 50))]
            case 2:
                damaged[at:at] = damaged[max(0, at - 20) : at]
            case _:
                damaged[at:at] = chance.choice((b"\r\n", b"\n", b"\x00", b":", b"\r\n\r\n"))
    return bytes(damaged)


def memory_mb(api: RunningApi) -> float:
    """Return the memory of the API's process, MB."""
    return psutil.Process(api.command.pid).memory_info().rss / 1e6


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _main(arguments: Iterable[str]) -> int:
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000, help="how many to send in all")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32)
    options = parser.parse_args([*arguments])
    _say(f"seed {options.seed}")
    with PostgresServer() as postgres:
        database = postgres.new_database()
        with running_api({"TXPLATFORM_DATABASE_URL": database.service_url}) as api:
            raw = fuzz_sockets(api, options.requests * 9 // 10, options.seed)
            _say(f"raw sockets: {raw}")
            made = fuzz_operations(api, options.requests // 10, options.seed)
            _say(f"schemathesis: {made}")
            unexpected = "unexpected error" in api.command.stderr
    grown = any(each.after_mb - each.before_mb >= MOST_GROWTH_MB for each in (raw, made))
    failed = bool(raw.failures or made.failures or unexpected or grown)
    _say("failed" if failed else "no request made the API fail")
    return int(failed)


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))

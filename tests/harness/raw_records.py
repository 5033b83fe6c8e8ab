"""Kafka records encoded by hand, for header names that the Python client cannot send.

See the Kafka protocol: Produce request, version 3, and record batch, version 2.
"""

from __future__ import annotations

import socket
import struct
import time

from harness.waiting import wait_until

_NOT_LEADER = 6
"""The error code for a new topic that has no leader yet."""


def send_bytes(
    bootstrap: str, topic: str, key: bytes, body: bytes, headers: list[tuple[bytes, bytes]]
) -> None:
    """Write one record to the first partition. Header names may be any bytes."""
    name, batch = topic.encode(), _batch(_record(key, body, headers))
    request = struct.pack(
        f">hhihhhiih{len(name)}siii",
        *(0, 3, 1, -1),  # Produce, version 3, request 1, no client id
        *(-1, 1, 10_000),  # no transaction, acknowledged by the leader, time-out
        *(1, len(name), name, 1, 0, len(batch)),
    )
    before_error = 4 + 4 + 2 + len(name) + 4 + 4

    def stored() -> bool:
        (error,) = struct.unpack_from(">h", _ask(bootstrap, request + batch), before_error)
        assert error in (0, _NOT_LEADER), f"Kafka error {error}"
        return bool(error == 0)

    wait_until(stored, message="the record to be stored")


def _ask(bootstrap: str, request: bytes) -> bytes:
    host, _, port = bootstrap.rpartition(":")
    with (
        socket.create_connection((host, int(port)), timeout=10) as connection,
        connection.makefile("rb") as answers,
    ):
        connection.sendall(struct.pack(">i", len(request)) + request)
        return answers.read(*struct.unpack(">i", answers.read(4)))


def _record(key: bytes, body: bytes, headers: list[tuple[bytes, bytes]]) -> bytes:
    record = b"\0" + _varint(0) + _varint(0) + _sized(key) + _sized(body) + _varint(len(headers))
    record += b"".join(_sized(name) + _sized(value) for name, value in headers)
    return _sized(record)


def _batch(record: bytes) -> bytes:
    now_ms = int(time.time() * 1000)
    checked = struct.pack(">hiqqqhii", 0, 0, now_ms, now_ms, -1, -1, -1, 1) + record
    behind_length = struct.pack(">ibI", -1, 2, _crc32c(checked)) + checked
    return struct.pack(">qi", 0, len(behind_length)) + behind_length


def _sized(value: bytes) -> bytes:
    return _varint(len(value)) + value


def _varint(value: int) -> bytes:
    """Zigzag-encode a number that is not negative."""
    value, encoded = value << 1, bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def _crc32c(data: bytes) -> int:
    crc = 0xFFFF_FFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F6_3B78 if crc & 1 else 0)
    return crc ^ 0xFFFF_FFFF

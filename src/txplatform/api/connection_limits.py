"""Limits on connections: one that holds memory or a file without progress is closed.

One pass a second over all connections replaces a timer for each request. So a limit may be exceeded
by about a second.
"""

import resource
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from txplatform.settings import Settings
from txplatform.telemetry import logger

MAX_HEAD_BYTES = 16_384
"""The largest head of a request: its first line and its header lines."""
MAX_HEADER_LINES = 100
MAX_URL_BYTES = 8192
MAX_FRAMING_BYTES = 16_384
"""The most bytes of chunk extensions and trailers, beyond five bytes for each byte of data."""
MAX_PIPELINED = 16
"""The most pipelined requests that wait. Further ones are parsed later."""

SEND_BUFFER_BYTES = 262_144
"""The kernel's send buffer of a connection, of which Linux doubles the size."""

SWEEP_EVERY_S = 1

_CROWDED = 0.75
_IDLE_IF_CROWDED_S = 5.0
"""The time after which an idle connection is closed if `_CROWDED` of the connections are open."""
_OTHER_FILES = 100
"""File descriptors that are not for clients: database connections, log, listening sockets."""


class Waiting(Enum):
    """The next thing that a connection needs from its client."""

    FIRST_BYTE = auto()
    HEAD = auto()
    BODY = auto()
    READER = auto()
    NEXT_REQUEST = auto()


class LimitedConnection(Protocol):
    """A connection whose times are checked."""

    def check_times(self, passed_s: float, limits_s: Mapping[Waiting, float]) -> None:
        """End the connection if it has waited too long; the last check was `passed_s` ago."""


@dataclass(frozen=True)
class ConnectionLimits:
    """The limits of one API process.

    Attributes:
        max_connections: The number of connections that are served at a time.
        head_s: The time for the head of a request, from its first byte; also for the first byte of
            a connection.
        body_s: The time for the body of a request, from the end of the head.
        reader_s: The time for the client to read what waits to be sent.
    """

    max_connections: int
    head_s: float
    body_s: float
    reader_s: float

    @classmethod
    def of(cls, settings: Settings) -> "ConnectionLimits":
        """Return the limits from the settings; fewer connections if files are scarcer."""
        most = settings.api_max_connections
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if files != resource.RLIM_INFINITY and files - _OTHER_FILES < most:
            most = max(1, files - _OTHER_FILES)
            logger("process").warning(
                "fewer connections than TXPLATFORM_API_MAX_CONNECTIONS: the limit of open files is"
                " too low",
                connections=most,
                open_files=files,
            )
        return cls(
            most,
            settings.api_head_timeout_s,
            settings.api_body_timeout_s,
            settings.api_send_timeout_s,
        )

    def sweep(self, connections: Iterable[LimitedConnection]) -> None:
        """End the connections that have waited too long; call this every `SWEEP_EVERY_S`.

        A process that was stopped or starved for a while counts that time once, since what its
        clients sent meanwhile was not read.
        """
        checked = list(connections)
        crowded = len(checked) >= _CROWDED * self.max_connections
        limits_s = {
            Waiting.FIRST_BYTE: self.head_s,
            Waiting.HEAD: self.head_s,
            Waiting.BODY: self.body_s,
            Waiting.READER: self.reader_s,
            # Otherwise uvicorn closes idle connections, by `timeout_keep_alive`.
            Waiting.NEXT_REQUEST: _IDLE_IF_CROWDED_S if crowded else float("inf"),
        }
        for connection in checked:
            connection.check_times(SWEEP_EVERY_S, limits_s)

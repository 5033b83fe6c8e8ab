"""SIGTERM and SIGINT as requests that the main thread waits for."""

from __future__ import annotations

import signal
from queue import SimpleQueue

StopRequests = SimpleQueue[None]


def stop_requests() -> StopRequests:
    """From now on each of these signals is one entry here.

    A handler runs in the middle of whatever the main thread does, so it must take no lock that
    this thread may hold: setting a `threading.Event` would. To put into a `SimpleQueue` is safe.
    """
    requests: StopRequests = SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: requests.put(None))
    return requests

"""SIGTERM and SIGINT as entries in a queue on which the main thread waits."""

from __future__ import annotations

import signal
from queue import SimpleQueue

StopRequests = SimpleQueue[None]


def stop_requests() -> StopRequests:
    """Install handlers that put one entry per signal into the returned queue.

    A handler interrupts the main thread anywhere, so it must not take a lock that this thread may
    hold. Setting a `threading.Event` takes one; putting into a `SimpleQueue` does not.
    """
    requests: StopRequests = SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: requests.put(None))
    return requests

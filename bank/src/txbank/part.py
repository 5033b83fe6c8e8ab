"""The parts of a process, such as an API or a publisher, each in a thread of its own."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from txbank.tracing import logger

_RETRY_S = 1


@dataclass(frozen=True)
class Health:
    """The health of a part: whether it works, and what it does or why it does not work."""

    ready: bool
    detail: str


class Part(Protocol):
    """A task that runs in its own thread until the process stops."""

    name: str

    def run(self, stop: threading.Event) -> None:
        """Run until `stop` is set. If it ends sooner, the process ends too."""


class Worker(Part, Protocol):
    """A part that works in the background, and reports its health."""

    health: Health


def retry_faults(
    worker: Worker, work: Callable[[threading.Event], None], stop: threading.Event
) -> None:
    """Do the work of a worker until `stop` is set, and begin again after each fault.

    The work to be done is in the database or on the brokers, so nothing is lost with a fault.
    """
    log = logger(worker.name)
    while not stop.is_set():
        try:
            work(stop)
        except Exception as error:
            if worker.health.ready:
                log.exception("fault; trying again every second")
            worker.health = Health(ready=False, detail=f"{type(error).__name__}: {error}")
            stop.wait(_RETRY_S)

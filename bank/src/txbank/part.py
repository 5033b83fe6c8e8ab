"""The parts of a process: an API, a publisher or a subscriber, each in a thread of its own."""

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
    health: Health

    def run(self, stop: threading.Event) -> None:
        """Run until `stop` is set; an exception ends the process."""


def retry_faults(
    part: Part, work: Callable[[threading.Event], None], stop: threading.Event
) -> None:
    """Do the work of a part until `stop` is set, and begin again after each fault.

    Whatever the fault is, the work rests in the database or on the broker, and begins again there.
    """
    log = logger(part.name)
    while not stop.is_set():
        try:
            work(stop)
        except Exception as error:
            if part.health.ready:
                log.exception("fault; trying again every second")
            part.health = Health(ready=False, detail=f"{type(error).__name__}: {error}")
            stop.wait(_RETRY_S)

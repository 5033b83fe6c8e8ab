"""A part of a process, run in a thread of the test process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar


class Part(Protocol):
    """A part of a process of the platform or of the bank."""

    name: str

    def run(self, stop: threading.Event) -> None:
        """Run until `stop` is set."""


P = TypeVar("P", bound=Part)
_STOPS_WITHIN_S = 30


@contextmanager
def running(part: P) -> Iterator[P]:
    """Run a part in a thread until the context ends. If the part fails, raise its exception."""
    stop = threading.Event()
    died: list[BaseException] = []

    def run() -> None:
        try:
            part.run(stop)
        except BaseException as error:  # noqa: BLE001  # raised again in the test's thread
            died.append(error)

    thread = threading.Thread(target=run, name=f"{part.name} under test")
    thread.start()
    try:
        yield part
    finally:
        stop.set()
        thread.join(_STOPS_WITHIN_S)
        if died:
            raise died[0]
        assert not thread.is_alive(), f"{part.name} did not stop when told to"

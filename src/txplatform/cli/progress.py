"""How far a long command has come, on stderr: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

_LINE_EVERY_S = 2.0


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show progress; gives the function that is told of each step forward.

    Args:
        what: What is being done.
        total: How many steps there are, as far as is known.
    """
    if sys.stderr.isatty():
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        ) as bar:
            task = bar.add_task(what, total=total)
            yield lambda steps: bar.advance(task, steps)
        return
    lines = _Lines(what, total)
    yield lines.advance
    lines.write()


class _Lines:
    """A line now and then, for logs and pipes."""

    def __init__(self, what: str, total: int) -> None:
        self._what = what
        self._total = total
        self._done = 0
        self._written = time.monotonic()

    def advance(self, steps: int) -> None:
        """Go forward, and say so when it is time."""
        self._done += steps
        if time.monotonic() - self._written >= _LINE_EVERY_S:
            self.write()

    def write(self) -> None:
        """Say how far it is."""
        self._written = time.monotonic()
        print(  # noqa: T201
            f"{self._what}: {self._done} of {max(self._total, self._done)}",
            file=sys.stderr,
            flush=True,
        )

"""Show the progress of long commands on stderr: a bar on a terminal, otherwise lines."""

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
def progress(task: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show progress. Yield a function to call with the number of newly completed steps.

    Args:
        task: The text before the numbers, such as `verify`.
        total: The expected number of steps; the actual number may be higher.
    """
    if sys.stderr.isatty():
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        ) as bar:
            task_id = bar.add_task(task, total=total)
            yield lambda steps: bar.advance(task_id, steps)
        return
    lines = _Lines(task, total)
    yield lines.advance
    lines.write()


class _Lines:
    """Writes at most one line every two seconds, for logs and pipes."""

    def __init__(self, task: str, total: int) -> None:
        self._task = task
        self._total = total
        self._done = 0
        self._written = time.monotonic()

    def advance(self, steps: int) -> None:
        self._done += steps
        if time.monotonic() - self._written >= _LINE_EVERY_S:
            self.write()

    def write(self) -> None:
        self._written = time.monotonic()
        print(  # noqa: T201
            f"{self._task}: {self._done} of {max(self._total, self._done)}",
            file=sys.stderr,
            flush=True,
        )

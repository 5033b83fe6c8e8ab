"""The standard streams of a command, whatever they are connected to."""

import os
import sys
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path


def prepare_streams() -> None:
    """Make every text writable to stdout and stderr, whatever the locale; both may be closed."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115  # until the end
        elif isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def give_up(problem: str) -> None:
    """Write a problem to stderr if there is one; discard output that cannot be written.

    Python would report such output at exit.
    """
    with suppress(OSError):  # nobody reads it
        sys.stderr.write(f"{problem}\n" if problem else "")
        sys.stderr.flush()
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

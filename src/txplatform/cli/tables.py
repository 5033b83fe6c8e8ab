"""Prints tables to stdout: as wide as the terminal, or as wide as they need in a pipe."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from rich.table import Table

_PIPE_WIDTH = 200


def print_table(table: Table) -> None:
    """Print a table."""
    Console(
        file=sys.stdout, width=None if sys.stdout.isatty() else _PIPE_WIDTH, highlight=False
    ).print(table)

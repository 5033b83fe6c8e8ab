"""Prints tables to stdout and never cuts a word of them: an id is there to be copied.

As wide as the terminal, or wider where the longest words need it; as wide as all of it in a pipe.
"""

from __future__ import annotations

import sys

from rich.console import Console
from rich.measure import Measurement, measure_renderables
from rich.table import Column, Table

_BOUNDLESS = 100_000


def print_table(table: Table) -> None:
    """Print a table."""
    console = Console(file=sys.stdout, highlight=False)
    options = console.options.update_width(_BOUNDLESS)
    whole = Measurement.get(console, options, table).maximum
    if sys.stdout.isatty() and whole > console.width:
        ranges = [
            measure_renderables(console, options, [column.header, *column.cells])
            for column in table.columns
        ]
        borders = whole - sum(each.maximum for each in ranges)
        whole = borders + _fit(table.columns, ranges, console.width - borders)
    console.width = whole
    console.print(table)


def _fit(columns: list[Column], ranges: list[Measurement], available: int) -> int:
    """Give each column its longest word, and what is left to those that want least.

    rich shrinks the widest first, whatever it holds.
    """
    spare = max(0, available - sum(each.minimum for each in ranges))
    for column, each in sorted(zip(columns, ranges, strict=True), key=lambda pair: pair[1].span):
        more = min(spare, each.span)
        column.width = each.minimum + more
        spare -= more
    return sum(column.width or 0 for column in columns)

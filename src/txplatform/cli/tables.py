"""Print tables to stdout without truncating a word, so that ids can be copied.

On a terminal, a table is as wide as the terminal, or wider if the longest words need more space. In
a pipe, a table is as wide as its contents.
"""

import sys

from rich.console import Console
from rich.measure import Measurement, measure_renderables
from rich.table import Column, Table

_UNLIMITED = 100_000


def print_table(table: Table) -> None:
    """Print a table to stdout."""
    console = Console(file=sys.stdout, highlight=False)
    options = console.options.update_width(_UNLIMITED)
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
    """Set the width of each column and return the sum.

    Each column gets room for its longest word. The remaining width goes first to the columns that
    need least to avoid wrapping. rich would shrink the widest column, even below its longest word.
    """
    spare = max(0, available - sum(each.minimum for each in ranges))
    for column, each in sorted(zip(columns, ranges, strict=True), key=lambda pair: pair[1].span):
        more = min(spare, each.span)
        column.width = each.minimum + more
        spare -= more
    return sum(column.width or 0 for column in columns)

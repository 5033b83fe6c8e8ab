"""`make pictures`: draw a run from its JSON file, and write its tables into docs/performance.md.

The same JSON gives the same bytes, so a test can compare the document with the run.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from benchmarks import accounts, decisions, history
from benchmarks.report import as_markdown, rows_of
from benchmarks.rows import Row

BEGIN, END = "<!-- benchmark: begin -->", "<!-- benchmark: end -->"
_DOCUMENT = "performance.md"
_BLUE, _GREY, _ORANGE = "#1f5fa8", "#8a8a8a", "#d9730d"


@dataclass(frozen=True)
class _Line:
    """A line of a chart, which shows the rows with one name."""

    label: str
    name: str
    colour: str
    dashes: str = "-"


def main() -> int:
    """Write the pictures and the tables into the folder of the JSON file."""
    parser = argparse.ArgumentParser(prog="benchmarks.pictures", description=__doc__)
    parser.add_argument("json", type=Path, help="file that `make bench` wrote")
    path: Path = parser.parse_args().json
    run = json.loads(path.read_text())
    drawn_groups = {decisions.GROUP, accounts.GROUP, history.GROUP}
    if missing := drawn_groups - {row.group for row in rows_of(run)}:
        parser.error(f"{path} lacks groups of a whole run: {', '.join(sorted(missing))}")
    for name, picture in drawn(rows_of(run)).items():
        (path.parent / name).write_bytes(picture)
    document = path.parent / _DOCUMENT
    document.write_text(with_tables(document.read_text(), run))
    return 0


def with_tables(document: str, run: Mapping[str, Any]) -> str:
    """Return the document with this run's tables between its two markers."""
    before, rest = document.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n\n{as_markdown(rows_of(run), run['about'])}\n\n{END}{after}"


def drawn(rows: Sequence[Row]) -> dict[str, bytes]:
    """Return every picture as SVG by file name."""
    files = {}
    with _style():
        for name, draw in (
            ("benchmark-connections.svg", _connections),
            ("benchmark-accounts.svg", _accounts),
            ("benchmark-history.svg", _history),
        ):
            file = BytesIO()
            metadata = {"Date": None, "Creator": None}  # keeps time and version out of the bytes
            draw(rows).savefig(file, format="svg", metadata=metadata)
            files[name] = b"\n".join(line.rstrip() for line in file.getvalue().split(b"\n"))
    return files


def _style() -> AbstractContextManager[None]:
    return mpl.rc_context(
        {
            "svg.hashsalt": "txplatform",
            "font.size": 10,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "grid.color": "#e0e0e0",
            "grid.linewidth": 0.7,
            "axes.axisbelow": True,
            "lines.linewidth": 2,
            "lines.markersize": 5,
            "legend.frameon": False,
            "axes.titlesize": 11,
            "axes.titlelocation": "left",
        }
    )


def _connections(rows: Sequence[Row]) -> Figure:
    figure, (rate, tail) = _panels(2)
    lines = (
        _Line("durable decisions", decisions.DECISIONS, _BLUE),
        _Line("plain FastAPI", decisions.PLAIN, _GREY, "--"),
    )
    some = [row for row in rows if row.group == decisions.GROUP]
    for axes in (rate, tail):
        axes.set_xscale("log", base=2)
        axes.set_xlabel("connections, closed loop")
    _draw(rate, some, lines, "connections", _value)
    _draw(tail, some, lines, "connections", _p99)
    _name_rate(rate, "Responses a second")
    _name_latency(tail, "99th percentile of latency", logarithmic=True)
    rate.legend(loc="lower right")
    return figure


def _accounts(rows: Sequence[Row]) -> Figure:
    figure, (rate, tail) = _panels(2)
    some = [row for row in rows if row.group == accounts.GROUP]
    lines = (
        _Line("random accounts, cached", accounts.DECISIONS, _BLUE),
        _Line("first decision on each account", accounts.FIRST_TOUCH, _ORANGE, ""),
    )
    for axes in (rate, tail):
        axes.set_xscale("log")
        axes.set_xlabel(f"accounts, {accounts.CONNECTIONS} connections")
    _draw(rate, some, lines, "accounts", _value)
    _draw(tail, some, lines, "accounts", _p99)
    _name_rate(rate, "Decisions a second")
    _name_latency(tail, "99th percentile of latency")
    rate.legend(loc="lower left")
    return figure


def _history(rows: Sequence[Row]) -> Figure:
    figure, (rate, tail, cold) = _panels(3)
    some = [
        row
        for row in rows
        if row.group == history.GROUP and row.settings["accounts"] == history.COMPARED_ACCOUNTS
    ]
    warm = (_Line("cached", history.WARM, _BLUE),)
    for axes in (rate, tail, cold):
        axes.set_xscale("log")
        axes.set_xlabel("events in each account's history")
    for axes in (rate, tail):
        axes.set_xlabel(f"events in each account's history, {history.CONNECTIONS} connections")
    _draw(rate, some, warm, "history", _value)
    _draw(tail, some, warm, "history", _p99)
    first = (
        _Line("no snapshot", history.COLD, _ORANGE, "--"),
        _Line("with a snapshot", history.COLD_WITH_SNAPSHOT, _BLUE),
    )
    _draw(cold, some, first, "history", _value)
    _name_rate(rate, "Cached: decisions a second")
    _name_latency(tail, "Cached: 99th percentile of latency")
    _name_latency(cold, "Not cached: first decision, median", logarithmic=True)
    cold.legend(loc="upper left")
    return figure


def _panels(number: int) -> tuple[Figure, Sequence[Axes]]:
    figure = Figure(figsize=(4.6 * number, 3.4), layout="constrained")
    return figure, [figure.add_subplot(1, number, 1 + at) for at in range(number)]


def _draw(
    axes: Axes,
    rows: Sequence[Row],
    lines: Sequence[_Line],
    setting: str,
    figure_of: Callable[[Row], float],
) -> None:
    at: set[float] = set()
    for line in lines:
        points = sorted(
            (float(row.settings[setting]), figure_of(row)) for row in rows if row.name == line.name
        )
        at.update(x for x, _ in points)
        axes.plot(
            [x for x, _ in points],
            [y for _, y in points],
            line.dashes,
            marker="o",
            color=line.colour,
            label=line.label,
        )
    axes.set_xticks(sorted(at))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(_short))


def _name_rate(axes: Axes, title: str) -> None:
    axes.set_title(title)
    axes.set_ylabel("per second")
    _from_zero(axes)


def _name_latency(axes: Axes, title: str, *, logarithmic: bool = False) -> None:
    axes.set_title(title)
    if logarithmic:
        axes.set_ylabel("milliseconds, logarithmic")
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda ms, _: f"{ms:,g}"))
    else:
        axes.set_ylabel("milliseconds")
        _from_zero(axes)


def _from_zero(axes: Axes) -> None:
    """Start the axis at zero, so that heights can be compared."""
    axes.set_ylim(0, 1.15 * axes.dataLim.y1)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))


def _short(value: float, _: object) -> str:
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def _value(row: Row) -> float:
    return row.value


def _p99(row: Row) -> float:
    assert row.p99_ms is not None
    return row.p99_ms


if __name__ == "__main__":
    sys.exit(main())

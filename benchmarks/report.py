"""A run as JSON, and the JSON as Markdown: what is printed and what the documents show."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from benchmarks.rows import Row
from benchmarks.targets import measured_targets

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_LATENCIES = ("p50_ms", "p95_ms", "p99_ms")


def as_json(rows: Sequence[Row], about: Mapping[str, Any]) -> str:
    """The run, whole."""
    run = {
        "about": about,
        "ratios": {target.name: figure for target, figure in measured_targets(rows)},
        "rows": [asdict(row) for row in rows],
    }
    return json.dumps(run, indent=2, ensure_ascii=False) + "\n"


def rows_of(run: Mapping[str, Any]) -> list[Row]:
    """The rows of a run that was written as JSON."""
    return [Row(**row) for row in run["rows"]]


def as_markdown(rows: Sequence[Row], about: Mapping[str, Any]) -> str:
    """What was measured on, the ratios against their targets, and every row."""
    facts = "; ".join(f"{name}: {value}" for name, value in about.items() if name != "settings")
    settings = ", ".join(f"{name}={value}" for name, value in about["settings"].items())
    lines = [f"{facts}.", "", f"PostgreSQL: {settings}; all else, durability too, as it comes.", ""]
    if targets := measured_targets(rows):
        lines += [
            "| relation, in this run | target | measured | |",
            "|---|---:|---:|---|",
            *(
                f"| {target.name} | {'≥' if target.at_least else '≤'} {target.bound:g} "
                f"| {figure:.3g} | {'reached' if target.reached(figure) else 'not reached'} |"
                for target, figure in targets
            ),
            "",
        ]
    lines += [
        "| what | at | figure | p50 ms | p95 ms | p99 ms |",
        "|---|---|---:|---:|---:|---:|",
        *map(_line, rows),
    ]
    return "\n".join(lines)


def _line(row: Row) -> str:
    settings = ", ".join(f"{name} {value:,}" for name, value in row.settings.items())
    precise = row.value < 100  # noqa: PLR2004  # three digits are enough
    figure = f"{row.value:,.2f}" if precise else f"{row.value:,.0f}"
    latencies = (getattr(row, name) for name in _LATENCIES)
    shown = " | ".join("" if each is None else f"{each:.2f}" for each in latencies)
    return f"| {row.group}: {row.name} | {settings} | {figure} {row.unit} | {shown} |"

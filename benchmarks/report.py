"""A run as JSON, and the JSON as Markdown: what is printed and what the documents show."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.rows import Row
from benchmarks.targets import measured_targets

_LATENCIES = ("p50_ms", "p95_ms", "p99_ms")


def ratios(rows: Sequence[Row]) -> dict[str, float]:
    """What means the same on every machine."""
    return {target.name: figure for target, figure in measured_targets(rows)}


def as_json(rows: Sequence[Row], about: Mapping[str, Any]) -> str:
    """The run, whole."""
    run = {"about": about, "ratios": ratios(rows), "rows": [asdict(row) for row in rows]}
    return to_json(run)


def to_json(value: Any) -> str:
    """Indented, so that two runs can be compared line by line."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def rows_of(run: Mapping[str, Any]) -> list[Row]:
    """The rows of a run that was written as JSON."""
    return [Row(**row) for row in run["rows"]]


def as_markdown(rows: Sequence[Row], about: Mapping[str, Any]) -> str:
    """What was measured on, every row, and the ratios against their targets."""
    return "\n\n".join([*_facts(about), _figures(rows), ratios_as_markdown(rows)])


def ratios_as_markdown(rows: Sequence[Row]) -> str:
    """The ratios that this run has the rows for."""
    return "\n".join(
        [
            "| in the same run | target | measured | |",
            "|---|---:|---:|---|",
            *(
                f"| {target.name} | {'≥' if target.at_least else '≤'} {target.bound:g} "
                f"| {figure:.3g} | {'reached' if target.reached(figure) else 'not reached'} |"
                for target, figure in measured_targets(rows)
            ),
        ]
    )


def _facts(about: Mapping[str, Any]) -> list[str]:
    facts = "; ".join(f"{name}: {value}" for name, value in about.items() if isinstance(value, str))
    settings = ", ".join(f"`{name}={value}`" for name, value in about["settings"].items())
    return [f"{facts}.", f"PostgreSQL with {settings}; all else, durability too, as it comes."]


def _figures(rows: Sequence[Row]) -> str:
    return "\n".join(
        [
            "| what | at | figure | p50 ms | p95 ms | p99 ms |",
            "|---|---|---:|---:|---:|---:|",
            *map(_line, rows),
        ]
    )


def _line(row: Row) -> str:
    settings = ", ".join(f"{name} {value:,}" for name, value in row.settings.items())
    precise = row.value < 100  # noqa: PLR2004  # three digits are enough
    figure = f"{row.value:,.2f}" if precise else f"{row.value:,.0f}"
    latencies = (getattr(row, name) for name in _LATENCIES)
    shown = " | ".join("" if each is None else f"{each:.2f}" for each in latencies)
    return f"| {row.group}: {row.name} | {settings} | {figure} {row.unit} | {shown} |"

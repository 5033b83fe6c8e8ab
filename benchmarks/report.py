"""Convert a run to JSON and to Markdown tables."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.rows import Row
from benchmarks.targets import measured_targets

_LATENCIES = ("p50_ms", "p95_ms", "p99_ms")


def ratios(rows: Sequence[Row]) -> dict[str, float]:
    """Return the figures of the targets, which can be compared between machines."""
    return {target.name: figure for target, figure in measured_targets(rows)}


def as_json(rows: Sequence[Row], about: Mapping[str, Any]) -> str:
    """Return the whole run as JSON."""
    run = {"about": about, "ratios": ratios(rows), "rows": [asdict(row) for row in rows]}
    return to_json(run)


def to_json(value: Any) -> str:
    """Return indented JSON, so that two runs can be compared line by line."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def rows_of(run: Mapping[str, Any]) -> list[Row]:
    """Return the rows of a run that was read from JSON."""
    return [Row(**row) for row in run["rows"]]


def as_markdown(rows: Sequence[Row], about: Mapping[str, Any]) -> str:
    """Return the machine, the table of all rows, and the table of the targets."""
    return "\n\n".join([*_conditions(about), _figures(rows), ratios_as_markdown(rows)])


def ratios_as_markdown(rows: Sequence[Row]) -> str:
    """Return the table of the targets for which this run has figures."""
    return "\n".join(
        [
            "| ratio in the same run | target | measured | |",
            "|---|---:|---:|---|",
            *(
                f"| {target.name} | {'≥' if target.at_least else '≤'} {target.bound:g} "
                f"| {figure:.3g} | {'reached' if target.reached(figure) else 'not reached'} |"
                for target, figure in measured_targets(rows)
            ),
        ]
    )


def _conditions(about: Mapping[str, Any]) -> list[str]:
    machine = "\n".join(f"- {name}: {value}" for name, value in about.items() if name != "settings")
    settings = ", ".join(f"`{name}={value}`" for name, value in about["settings"].items())
    heading = (
        "PostgreSQL settings of rows that name none; all others are defaults, with full durability:"
    )
    return [machine, f"{heading}\n{settings}."]


def _figures(rows: Sequence[Row]) -> str:
    return "\n".join(
        [
            "| measurement | conditions | figure | p50 ms | p95 ms | p99 ms |",
            "|---|---|---:|---:|---:|---:|",
            *map(_line, rows),
        ]
    )


def _line(row: Row) -> str:
    settings = ", ".join(
        f"{name} {value:,}" if isinstance(value, int) else f"{name} {value}"
        for name, value in row.settings.items()
    )
    precise = row.value < 100  # noqa: PLR2004  # three digits are enough
    figure = f"{row.value:,.2f}" if precise else f"{row.value:,.0f}"
    latencies = (getattr(row, name) for name in _LATENCIES)
    shown = " | ".join("" if each is None else f"{each:.2f}" for each in latencies)
    return f"| {row.group}: {row.name} | {settings} | {figure} {row.unit} | {shown} |"

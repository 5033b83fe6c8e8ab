"""One line of the benchmark's table, the same for every group of rows."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Row:
    """What was measured once.

    Attributes:
        group: Which module measured it: `decisions`, `accounts`, `consumers`, …
        name: What it is, unique within the run together with `settings`.
        value: The figure.
        unit: Of `value`: `requests/s`, `messages/s`, `events/s`, `ms`, `MiB`, `us`.
        p50_ms: Median latency, where a latency was measured; likewise the next two.
        settings: What it was measured at: `connections`, `accounts`, `history`, `processes`, …
    """

    group: str
    name: str
    value: float
    unit: str
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    settings: dict[str, int] = field(default_factory=dict)

"""One line of the benchmark's table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Row:
    """One figure of a run.

    Attributes:
        group: The group of measurements: `decisions`, `accounts`, `consumers`, …
        name: The name of the measurement; `group`, `name` and `settings` are unique in a run.
        unit: The unit of `value`: `requests/s`, `messages/s`, `events/s`, `ms`, `MiB` or `us`.
        p50_ms: The median latency, if latencies were measured; likewise `p95_ms` and `p99_ms`.
        settings: The conditions: `connections`, `accounts`, `history`, `postgres`, `broker`, …
    """

    group: str
    name: str
    value: float
    unit: str
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    settings: Mapping[str, int | str] = field(default_factory=dict)

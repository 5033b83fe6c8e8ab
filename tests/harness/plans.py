"""Query plans of PostgreSQL, as EXPLAIN returns them in JSON."""

from __future__ import annotations

from typing import Any


def plan_nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """Return all nodes of a plan, parents first."""
    return [plan, *(node for child in plan.get("Plans", ()) for node in plan_nodes(child))]

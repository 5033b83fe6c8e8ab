"""PostgreSQL's plans, as EXPLAIN gives them in JSON."""

from __future__ import annotations

from typing import Any


def plan_nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """A plan's nodes, from the top."""
    return [plan, *(node for child in plan.get("Plans", ()) for node in plan_nodes(child))]

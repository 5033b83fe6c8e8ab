"""Decide if the short run fails, although figures vary on a busy machine.

If a ratio misses its target by more than noise explains, its rows are measured again. The run fails
only if the ratio misses again: a defect is permanent, a disturbance by another process is not.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.groups import Groups
from benchmarks.rows import Row
from benchmarks.targets import Target, groups_behind, measured_targets


def broken(rows: Sequence[Row]) -> list[tuple[Target, float]]:
    """Return the targets that are missed by more than noise explains, with their figures."""
    return [(target, figure) for target, figure in measured_targets(rows) if target.broken(figure)]


def settle(rows: Sequence[Row], groups: Groups) -> tuple[list[Row], list[tuple[Target, float]]]:
    """Measure the rows of broken targets again; return all rows and the targets still broken."""
    before = [target for target, _ in broken(rows)]
    doubtful = {group for target in before for group in groups_behind(target, rows)}
    kept = [row for row in rows if row.group not in doubtful]
    for group in sorted(doubtful):
        kept += groups[group]()
    return kept, [(target, figure) for target, figure in broken(kept) if target in before]


def explain(target: Target, figure: float) -> str:
    """Return a line of text with the figure and the target."""
    bound = f"{'at least' if target.at_least else 'at most'} {target.bound:g}"
    return f"broken: {target.name} is {figure:.3g}, its target is {bound}"

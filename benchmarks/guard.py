"""The short run's outcome: whether something is broken, which noise alone would not explain.

Where a ratio misses its target by more than half, all its rows are measured once more, and it
fails only if it misses again: what is broken stays so, what another process did does not.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.groups import Groups
from benchmarks.rows import Row
from benchmarks.targets import Target, groups_behind, measured_targets


def broken(rows: Sequence[Row]) -> list[tuple[Target, float]]:
    """The targets that are missed by more than half."""
    return [(target, figure) for target, figure in measured_targets(rows) if target.broken(figure)]


def settle(rows: Sequence[Row], groups: Groups) -> tuple[list[Row], list[tuple[Target, float]]]:
    """The rows, those behind a broken target measured again, and what is broken still."""
    before = [target for target, _ in broken(rows)]
    doubtful = {group for target in before for group in groups_behind(target, rows)}
    kept = [row for row in rows if row.group not in doubtful]
    for group in sorted(doubtful):
        kept += groups[group]()
    return kept, [(target, figure) for target, figure in broken(kept) if target in before]


def explain(target: Target, figure: float) -> str:
    """One line for whoever has to look into it."""
    bound = f"{'at least' if target.at_least else 'at most'} {target.bound:g}"
    return f"broken: {target.name} is {figure:.3g}, its target is {bound}"

"""How often cached accounts turn out to be behind the log.

If this process is the only one that writes to its accounts, reading them before deciding is a
wasted round trip. If others write to them too, deciding on cached accounts conflicts and is done
twice. The last few hundred accounts show which of the two it is.
"""

from __future__ import annotations

_FREQUENT = 0.05
"""A conflict costs about as much as reading twenty accounts that were up to date."""
_MEMORY = 500
"""Accounts over which a share is averaged."""


class ConflictRate:
    """The share of cached accounts that turned out to be behind, over the last few hundred."""

    def __init__(self) -> None:
        self._share = 0.0

    def note(self, cached: int, behind: int) -> None:
        """Count accounts that were cached, and how many of these were behind the log."""
        if cached:
            weight = min(1.0, cached / _MEMORY)
            self._share += weight * (behind / cached - self._share)

    @property
    def high(self) -> bool:
        """Whether reading first is cheaper than deciding again."""
        return self._share > _FREQUENT

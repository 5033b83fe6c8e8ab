"""How often what a lane remembers of an account is behind the log.

Where this process is the only one that writes to its accounts, reading them before deciding is
a wasted round trip. Where others write to them too, deciding on what is remembered clashes and
is done twice. Which of the two it is shows in what happened lately.
"""

from __future__ import annotations

_FREQUENT = 0.05
"""A clash costs about as much as reading twenty accounts that were up to date."""
_MEMORY = 500
"""Accounts over which a share is averaged."""


class ConflictRate:
    """The share of remembered accounts that turned out to be behind, over the last few hundred."""

    def __init__(self) -> None:
        self._share = 0.0

    def note(self, remembered: int, behind: int) -> None:
        """Count accounts that were remembered, and how many of these were behind the log."""
        if remembered:
            weight = min(1.0, remembered / _MEMORY)
            self._share += weight * (behind / remembered - self._share)

    @property
    def high(self) -> bool:
        """Whether reading first is cheaper than deciding again."""
        return self._share > _FREQUENT

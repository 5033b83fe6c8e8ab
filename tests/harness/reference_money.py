"""The contract's formulas for posted amounts and holds, applied to sets of messages.

This module shares no code with the platform.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class ReferenceTransaction:
    """The messages of one transaction, with amounts in minor units.

    Attributes:
        approved: The authorized amount; 0 if declined or never requested.
        increments: The amounts of approved increments.
        clearings: The amount of each clearing, and whether it is final.
        reversals: The amount of each reversal; None for a full reversal.
        expired: Whether the hold expired.
    """

    approved: int = 0
    increments: list[int] = field(default_factory=list)
    clearings: list[tuple[int, bool]] = field(default_factory=list)
    reversals: list[int | None] = field(default_factory=list)
    expired: bool = False

    @property
    def posted(self) -> int:
        """The sum of the clearings."""
        return sum(amount for amount, _ in self.clearings)

    @property
    def hold(self) -> int:
        """The remaining hold: 0 after a final clearing, an expiry or a full reversal."""
        if self.expired or None in self.reversals or any(final for _, final in self.clearings):
            return 0
        given_up = sum(amount for amount in self.reversals if amount is not None)
        return max(0, self.approved + sum(self.increments) - given_up - self.posted)

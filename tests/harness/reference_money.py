"""The two formulas of the contract, over sets: what posted and pending have to be in the end.

Shares no code with the product: messages are plain tuples here.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class ReferenceTransaction:
    """One transaction's messages, minor units.

    Attributes:
        approved: What was authorized; 0 where it was declined or never asked for.
        increments: Those that were approved.
        clearings: Amount and whether it is final.
        reversals: Amount; None for all of it.
        expired: Whether its hold ended by itself.
    """

    approved: int = 0
    increments: list[int] = field(default_factory=list)
    clearings: list[tuple[int, bool]] = field(default_factory=list)
    reversals: list[int | None] = field(default_factory=list)
    expired: bool = False

    @property
    def posted(self) -> int:
        """What its clearings come to."""
        return sum(amount for amount, _ in self.clearings)

    @property
    def hold(self) -> int:
        """0 once final, expired or wholly reversed, else what is left of what was approved."""
        if self.expired or None in self.reversals or any(final for _, final in self.clearings):
            return 0
        given_up = sum(amount for amount in self.reversals if amount is not None)
        return max(0, self.approved + sum(self.increments) - given_up - self.posted)

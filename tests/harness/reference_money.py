"""The contract's formulas for posted amounts and holds, applied to sets of messages.

This module shares no code with the platform.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


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


class ReferencePresentment(NamedTuple):
    """A presentment.

    Attributes:
        amount: Minor units.
        debit: True if it raises the posted balance.
        transaction: The transaction that it names.
        reverses: The id of the presentment that it takes back; None if it is no correction.
    """

    amount: int
    debit: bool
    transaction: str | None = None
    reverses: str | None = None

    @property
    def change(self) -> int:
        """The change of the posted balance."""
        return self.amount if self.debit else -self.amount


class ReferencePresentments(dict[str, ReferencePresentment]):
    """All presentments of an account, by id."""

    def is_posted(self, name: str, following: frozenset[str] = frozenset()) -> bool:
        """Return whether a presentment is posted.

        A correction is posted if its original is, and has the other direction. So no correction
        counts without an original, and corrections of each other never count.
        """
        found = self.get(name)
        if found is None or name in following:
            return False
        original = found.reverses
        return original is None or (
            self.is_posted(original, following | {name}) and self[original].debit is not found.debit
        )

    def waits(self, name: str) -> bool:
        """Return whether a presentment waits for its original."""
        original = self[name].reverses
        return original is not None and not self.is_posted(original)

    def first(self, name: str) -> ReferencePresentment:
        """Return the clearing or refund at the end of a chain of posted corrections."""
        found = self[name]
        return found if found.reverses is None else self.first(found.reverses)

    @property
    def posted(self) -> int:
        """The change of the posted balance by all presentments."""
        return sum(each.change for name, each in self.items() if self.is_posted(name))

    def posted_for(self, transaction: str) -> int:
        """Return the clearings of a transaction less their corrections."""
        return sum(
            each.change
            for name, each in self.items()
            if self.is_posted(name)
            and self.first(name).debit
            and self.first(name).transaction == transaction
        )

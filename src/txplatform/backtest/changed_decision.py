"""One decision that the candidate makes otherwise, with all that a person needs to look it up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(slots=True)
class ChangedDecision:
    """A changed decision; of two the one with the larger amount is the larger.

    Attributes:
        event_id: Of the recorded decision; likewise `version`, the account's after it.
        approved: What the candidate says.
        reasons: Codes: why the candidate declines, or why it had been declined.
        messages: The same in sentences, one each.
        rules: The candidate's rules that refuse it, in their order; none where it approves.
    """

    amount: int
    currency: str
    account_id: str
    version: int
    event_id: str
    transaction_id: str
    decided_at: datetime
    merchant_id: str
    merchant_name: str
    category: str
    country: str
    approved: bool
    reasons: tuple[str, ...]
    messages: tuple[str, ...]
    rules: tuple[str, ...]

    def __lt__(self, other: ChangedDecision) -> bool:
        """A total order, so that the largest are the same however the accounts are divided."""
        return self._rank() < other._rank()

    def _rank(self) -> tuple[int, str, int]:
        return self.amount, self.account_id, self.version

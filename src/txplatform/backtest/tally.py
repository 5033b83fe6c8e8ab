"""The counts of a backtest. Each slice has its own tally, and the main process merges the tallies.

A `Line` holds the counts of one group, such as one month or one merchant category, in one currency.
Amounts of different currencies are never added up.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

from txplatform.backtest.recorded import RecordedDecision
from txplatform.domain.reasons import Reason

LARGEST = 50
"""The number of changed decisions to keep per currency: those with the largest amounts."""

TOTAL, MONTH, CATEGORY, COUNTRY, RULESET = "total", "month", "category", "country", "ruleset"
RULE, REASON = "rule", "reason"
INCREMENTS, NOT_POSTED = "increments", "not_posted"

_JUDGED, _APPROVED, _NEWLY_DECLINED, _NEWLY_APPROVED = 0, 2, 4, 6
_WIDTH = 8

LineKey = tuple[str, str, str]
"""Dimension (such as `MONTH`), name of the group, currency."""

Line = list[int]
"""Four pairs of count and amount: judged, approved in the log, newly declined, newly approved."""

_CellKey = tuple[str, int, str, str, str, bool, bool]
"""Currency, month, category, country, recorded rule set, approved in the log, approved now."""


@dataclass(slots=True)
class ChangedDecision:
    """A recorded decision that the candidate rule set decides differently.

    Attributes:
        reasons: The candidate's reasons to decline, or the recorded reasons if it approves.
        rules: The candidate's rules that refused; empty if the candidate approves.
    """

    account_id: str
    version: int
    recorded: RecordedDecision
    reasons: tuple[Reason, ...]
    rules: tuple[str, ...]

    @property
    def approved(self) -> bool:
        """True if the candidate approves the purchase."""
        return not self.recorded.approved

    def __lt__(self, other: ChangedDecision) -> bool:
        """Order by amount, then by account and version, so that ties have a fixed order."""
        return self._rank() < other._rank()

    def _rank(self) -> tuple[int, str, int]:
        return self.recorded.purchase.amount, self.account_id, self.version


@dataclass(slots=True)
class Tally:
    """The counts of everything that was replayed, and the largest changes.

    Attributes:
        recorded: The number of authorizations that predate the test period and stay as recorded.
        judged: The number of authorizations that the candidate rule set decided.
        other_reasons: The number of purchases still declined, but for different reasons.
        largest: For each currency, a heap of the changed decisions with the largest amounts.
    """

    accounts: int = 0
    events: int = 0
    recorded: int = 0
    judged: int = 0
    other_reasons: int = 0
    lines: dict[LineKey, Line] = field(default_factory=dict)
    largest: dict[str, list[ChangedDecision]] = field(default_factory=dict)
    _cells: dict[_CellKey, list[int]] = field(default_factory=dict)

    def count_decision(self, key: _CellKey, amount: int) -> None:
        """Count a decision. This runs for every decision, so `settle` does the grouping later."""
        cell = self._cells.get(key)
        if cell is None:
            self._cells[key] = [1, amount]
        else:
            cell[0] += 1
            cell[1] += amount

    def count_change(self, change: ChangedDecision) -> None:
        """Count a changed decision by reason and by rule, and update `largest`."""
        purchase = change.recorded.purchase
        place = _NEWLY_APPROVED if change.approved else _NEWLY_DECLINED
        groups = [(REASON, code) for code in dict.fromkeys(each.code for each in change.reasons)]
        for by, name in (*groups, *((RULE, rule) for rule in change.rules)):
            self._add((by, name, purchase.currency), place, 1, purchase.amount)
        self._keep(change)

    def count_increment(self, currency: str, amount: int, *, approved: bool) -> None:
        """Count an increment that the candidate decides differently."""
        place = _NEWLY_APPROVED if approved else _NEWLY_DECLINED
        self._add((INCREMENTS, "", currency), place, 1, amount)

    def count_not_posted(self, currency: str, amount: int) -> None:
        """Count a posting whose purchase is now declined; refunds have negative amounts."""
        self._add((NOT_POSTED, "", currency), _NEWLY_DECLINED, 1, amount)

    def settle(self) -> None:
        """Group the decisions from `count_decision` into `lines`."""
        for key, (count, amount) in self._cells.items():
            currency, month, category, country, ruleset, was_approved, approved = key
            places = [_JUDGED]
            if was_approved:
                places.append(_APPROVED)
            if was_approved != approved:
                places.append(_NEWLY_APPROVED if approved else _NEWLY_DECLINED)
            for by, name in (
                (TOTAL, ""),
                (MONTH, f"{month // 12:04}-{month % 12 + 1:02}"),
                (CATEGORY, category),
                (COUNTRY, country),
                (RULESET, ruleset),
            ):
                for place in places:
                    self._add((by, name, currency), place, count, amount)
        self._cells.clear()

    def merge(self, other: Tally) -> None:
        """Add the counts of another tally; call its `settle` first."""
        self.accounts += other.accounts
        self.events += other.events
        self.recorded += other.recorded
        self.judged += other.judged
        self.other_reasons += other.other_reasons
        for key, line in other.lines.items():
            for place in range(0, _WIDTH, 2):
                self._add(key, place, *line[place : place + 2])
        for changes in other.largest.values():
            for change in changes:
                self._keep(change)

    def _add(self, key: LineKey, place: int, count: int, amount: int) -> None:
        line = self.lines.setdefault(key, [0] * _WIDTH)
        line[place] += count
        line[place + 1] += amount

    def _keep(self, change: ChangedDecision) -> None:
        heap = self.largest.setdefault(change.recorded.purchase.currency, [])
        if len(heap) < LARGEST:
            heapq.heappush(heap, change)
        else:
            heapq.heappushpop(heap, change)

"""Counts of a backtest, small enough to be sent between processes and added up.

A line has the counts of one group: of one month, category or the like, by its name, and of one
currency, since amounts of different currencies do not add up.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

from txplatform.backtest.changed_decision import ChangedDecision

LARGEST = 50
"""How many of the largest changes are kept, of each currency."""

TOTAL, MONTH, CATEGORY, COUNTRY, RULESET = "total", "month", "category", "country", "ruleset"
RULE, REASON = "rule", "reason"
INCREMENTS, NOT_POSTED = "increments", "not_posted"

_JUDGED, _APPROVED, _NEWLY_DECLINED, _NEWLY_APPROVED = 0, 2, 4, 6
_WIDTH = 8

LineKey = tuple[str, str, str]
"""What is counted by, the name in there, the currency."""

Line = list[int]
"""Pairs of number and amount: judged, approved in the log, newly declined, newly approved."""

_CellKey = tuple[str, int, str, str, str, bool, bool]
"""Currency, month, category, country, rule set of the log; approved in the log, approved now."""


@dataclass(slots=True)
class Tally:
    """Counts of everything that was replayed, and of the changes.

    Attributes:
        accounts: That have events.
        recorded: Authorizations before the day from which the candidate decides.
        judged: Authorizations that the candidate judged.
        other_reasons: Declined both times, for other reasons.
        lines: By what is counted by.
        largest: By currency; heaps, the smallest first.
    """

    accounts: int = 0
    events: int = 0
    recorded: int = 0
    judged: int = 0
    other_reasons: int = 0
    lines: dict[LineKey, Line] = field(default_factory=dict)
    largest: dict[str, list[ChangedDecision]] = field(default_factory=dict)
    _cells: dict[_CellKey, list[int]] = field(default_factory=dict)

    def decision(self, key: _CellKey, amount: int) -> None:
        """Count one decision of the candidate; it is done for each, so it is one look-up."""
        cell = self._cells.get(key)
        if cell is None:
            self._cells[key] = [1, amount]
        else:
            cell[0] += 1
            cell[1] += amount

    def changed(self, change: ChangedDecision) -> None:
        """Count a changed decision by its reasons and rules, and keep it if it is large."""
        place = _NEWLY_APPROVED if change.approved else _NEWLY_DECLINED
        for reason in dict.fromkeys(change.reasons):
            self._add(REASON, reason, change.currency, place, 1, change.amount)
        for rule in change.rules:
            self._add(RULE, rule, change.currency, place, 1, change.amount)
        self._keep(change)

    def increment(self, currency: str, amount: int, *, approved: bool) -> None:
        """Count a raise of a hold that is decided otherwise now."""
        place = _NEWLY_APPROVED if approved else _NEWLY_DECLINED
        self._add(INCREMENTS, "", currency, place, 1, amount)

    def not_posted(self, currency: str, amount: int) -> None:
        """Count a posting, or a refund as a negative one, of a purchase that did not happen."""
        self._add(NOT_POSTED, "", currency, _NEWLY_DECLINED, 1, amount)

    def settle(self) -> None:
        """Turn the counts of single decisions into lines; only lines are sent and added up."""
        for key, (count, amount) in self._cells.items():
            currency, month, category, country, ruleset, was, now = key
            places = [_JUDGED]
            if was:
                places.append(_APPROVED)
            if was != now:
                places.append(_NEWLY_APPROVED if now else _NEWLY_DECLINED)
            for by, name in (
                (TOTAL, ""),
                (MONTH, f"{month // 12:04}-{month % 12 + 1:02}"),
                (CATEGORY, category),
                (COUNTRY, country),
                (RULESET, ruleset),
            ):
                for place in places:
                    self._add(by, name, currency, place, count, amount)
        self._cells.clear()

    def merge(self, other: Tally) -> None:
        """Add another tally, which is settled."""
        self.accounts += other.accounts
        self.events += other.events
        self.recorded += other.recorded
        self.judged += other.judged
        self.other_reasons += other.other_reasons
        for key, values in other.lines.items():
            line = self.lines.setdefault(key, [0] * _WIDTH)
            for place, value in enumerate(values):
                line[place] += value
        for changes in other.largest.values():
            for change in changes:
                self._keep(change)

    def _add(self, by: str, name: str, currency: str, place: int, count: int, amount: int) -> None:  # noqa: PLR0913  # a place in the table, and what goes there
        line = self.lines.setdefault((by, name, currency), [0] * _WIDTH)
        line[place] += count
        line[place + 1] += amount

    def _keep(self, change: ChangedDecision) -> None:
        heap = self.largest.setdefault(change.currency, [])
        if len(heap) < LARGEST:
            heapq.heappush(heap, change)
        elif heap[0] < change:
            heapq.heapreplace(heap, change)

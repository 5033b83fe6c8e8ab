"""An account's approved purchases of the last 30 days, the input of velocity rules.

Purchases are recorded even if no velocity rule is in force, so that a rule activated later can
count past purchases. The activity depends only on recorded approvals and their times, so a replay
yields the same activity.

Times have a resolution of one minute for the last day and one hour for older purchases. A rule's
window is extended back to the start of a minute or an hour. It can therefore be up to a minute or
an hour too long, but never too short, so no limit can be evaded.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import compress, repeat
from operator import eq
from typing import Any

from txplatform.domain.requests import Merchant, Purchase

LONGEST_WINDOW = 30 * 24 * 60
"""The longest window of a velocity rule, in minutes."""

FINE_WINDOW = 24 * 60
"""The longest window with minute resolution, in minutes; longer windows have hour resolution."""

_KEPT = LONGEST_WINDOW + 24 * 60
"""The minutes to keep: one day more than the longest window, in case a clock is behind."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)
_HOUR = 60
_MAX_TOTAL = 2**63 - 1
_SPARE_ROWS = 16


class VelocityScope(StrEnum):
    """The purchases that a velocity rule counts.

    Either all, or only those with the new purchase's category, merchant or country.
    """

    ACCOUNT = "account"
    CATEGORY = "category"
    MERCHANT = "merchant"
    COUNTRY = "country"


# Looked up once, because access to enum members is slow in CPython 3.11.
_ACCOUNT, _CATEGORY, _MERCHANT = (
    VelocityScope.ACCOUNT,
    VelocityScope.CATEGORY,
    VelocityScope.MERCHANT,
)


def scope_value(scope: VelocityScope, merchant: Merchant) -> str | None:
    """Return the merchant's value that purchases in the scope share; None if it is unknown."""
    if scope is _MERCHANT:
        return merchant.id
    return merchant.category_code if scope is _CATEGORY else merchant.country


def is_in_scope(scope: VelocityScope, merchant: Merchant) -> bool:
    """Return whether purchases at the merchant count in the scope.

    A purchase does not count if the value that purchases in the scope share is unknown.
    """
    return scope is _ACCOUNT or scope_value(scope, merchant) is not None


@lru_cache(maxsize=1)  # the purchases of a batch have the same time
def minute_of(time: datetime) -> int:
    """Return the number of full minutes since 1970, UTC."""
    return (time - _EPOCH) // _MINUTE


class Activity:
    """The approved purchases of one account; uses little memory if there are none."""

    __slots__ = ("_log",)

    def __init__(self, log: _Log | None = None) -> None:
        self._log = log

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Activity) and self._log == other._log

    __hash__ = None  # type: ignore[assignment]  # mutable

    def __len__(self) -> int:
        """Return the number of rows, each with one purchase or several."""
        return 0 if self._log is None else len(self._log.minutes)

    def __repr__(self) -> str:
        return f"Activity({self._log!r})"

    @classmethod
    def from_state(cls, state: Sequence[Any]) -> Activity:
        """Restore an activity from the values that `state` returned."""
        return cls(_Log.from_state(state) if state else None)

    def state(self) -> list[Any]:
        """Return the activity as plain values; an empty list if there are no purchases."""
        return [] if self._log is None else self._log.state()

    def add(self, at: datetime, purchase: Purchase, *, count: int = 1) -> None:
        """Add a purchase approved at time `at`; `count` is 0 for an increment of a purchase."""
        minute, merchant = minute_of(at), purchase.merchant
        # Interned, because the purchases of all accounts name the same merchants and countries.
        country = merchant.country and sys.intern(merchant.country)
        log = self._log or _Log()
        if country is not None and purchase.amount > 0 and country not in log.known_countries:
            log.known_countries = (*log.known_countries, country)
        log.insert(
            minute,
            count,
            purchase.amount,
            merchant.category_code and sys.intern(merchant.category_code),
            merchant.id and sys.intern(merchant.id),
            country,
        )
        self._log = log if len(log.minutes) < log.compact_at else log.compacted()

    def count(self, since: int, scope: VelocityScope, merchant: Merchant) -> int:
        """Return the number of purchases in the scope since minute `since`.

        The merchant is in the scope (see `is_in_scope`).
        """
        log = self._log
        if log is None or log.minutes[-1] < since:
            return 0
        return log.count(bisect_left(log.minutes, since), scope, merchant)

    def amount(self, since: int, scope: VelocityScope, merchant: Merchant) -> int:
        """Return the total amount of purchases in the scope since minute `since`, minor units.

        The merchant is in the scope (see `is_in_scope`).
        """
        log = self._log
        if log is None or log.minutes[-1] < since:
            return 0
        return log.sum_of(log.amounts, bisect_left(log.minutes, since), scope, merchant)

    @property
    def countries(self) -> tuple[str, ...]:
        """All countries where the account ever spent money, ordered by first purchase."""
        return () if self._log is None else self._log.known_countries


@dataclass(slots=True)
class _Log:
    """A table of purchases, stored by column and sorted by `minutes`.

    A row is one purchase, or several at one merchant that were merged into one time slot.
    Columns take a third of the memory of row objects, and a sum reads only the columns it needs.

    Attributes:
        compact_at: The number of rows that triggers compaction. The threshold grows with the log,
            so the average cost per purchase stays constant.
        plain: True if every row is exactly one purchase; the purchase count is then the row count.
        minutes: The last minute that each row covers.
        categories: The merchant's category; None if unknown. So are `merchants` and `countries`.
    """

    known_countries: tuple[str, ...] = ()
    compact_at: int = _SPARE_ROWS
    plain: bool = True
    minutes: array[int] = field(default_factory=lambda: array("q"))
    counts: array[int] = field(default_factory=lambda: array("q"))
    amounts: array[int] = field(default_factory=lambda: array("q"))
    categories: list[str | None] = field(default_factory=list)
    merchants: list[str | None] = field(default_factory=list)
    countries: list[str | None] = field(default_factory=list)

    @classmethod
    def from_state(cls, state: Sequence[Any]) -> _Log:
        known_countries, compact_at, minutes, counts, amounts, *names = state
        categories, merchants, countries = (
            [name and sys.intern(name) for name in column] for column in names
        )
        return cls(
            tuple(map(sys.intern, known_countries)),
            compact_at,
            counts.count(1) == len(counts),
            array("q", minutes),
            array("q", counts),
            array("q", amounts),
            categories,
            merchants,
            countries,
        )

    def state(self) -> list[Any]:
        return [list(self.known_countries), self.compact_at, *map(list, self._columns())]

    def insert(  # noqa: PLR0913  # the columns
        self,
        minute: int,
        count: int,
        amount: int,
        category: str | None,
        merchant: str | None,
        country: str | None,
    ) -> None:
        place = len(self.minutes)
        if place and minute < self.minutes[-1]:  # decided by a process whose clock is behind
            place = bisect_right(self.minutes, minute)
        self.minutes.insert(place, minute)
        self.counts.insert(place, count)
        self.amounts.insert(place, amount)
        self.categories.insert(place, category)
        self.merchants.insert(place, merchant)
        self.countries.insert(place, country)
        self.plain = self.plain and count == 1

    def count(self, start: int, scope: VelocityScope, merchant: Merchant) -> int:
        if not self.plain:
            return self.sum_of(self.counts, start, scope, merchant)
        if scope is _ACCOUNT:
            return len(self.minutes) - start
        return self._names(scope)[start:].count(scope_value(scope, merchant))

    def sum_of(
        self, values: array[int], start: int, scope: VelocityScope, merchant: Merchant
    ) -> int:
        if scope is _ACCOUNT:
            return sum(values[start:])
        name = scope_value(scope, merchant)
        return sum(compress(values[start:], map(eq, self._names(scope)[start:], repeat(name))))

    def compacted(self) -> _Log:
        """Return a copy without expired rows, in which rows of equal time and merchant are merged.

        Rows expire as seen from the second newest hour with purchases. So a single purchase whose
        time is far ahead makes none of them expire.
        """
        before = bisect_left(self.minutes, self.minutes[-1] // _HOUR * _HOUR)
        now = self.minutes[max(before - 1, 0)]
        # A full hour, so that the hourly rows stay before the rows with a resolution of a minute.
        fine = (now - FINE_WINDOW) // _HOUR * _HOUR
        log = _Log(self.known_countries)
        places: dict[tuple[Any, ...], int] = {}
        for minute, count, amount, *names in zip(*self._columns(), strict=True):
            if minute < now - _KEPT:
                continue
            last = minute if minute >= fine else minute - minute % _HOUR + _HOUR - 1
            place = places.get((last, *names))
            if place is not None and log.amounts[place] + amount <= _MAX_TOTAL:
                log.counts[place] += count
                log.amounts[place] += amount
            else:
                places[last, *names] = len(log.minutes)
                log.insert(last, count, amount, *names)
        rows = len(log.minutes)
        log.compact_at = rows + rows // 2 + _SPARE_ROWS
        log.plain = log.counts.count(1) == rows
        return log

    def _columns(self) -> tuple[Sequence[Any], ...]:
        return (
            self.minutes,
            self.counts,
            self.amounts,
            self.categories,
            self.merchants,
            self.countries,
        )

    def _names(self, scope: VelocityScope) -> list[str | None]:
        """Return the column of the values that purchases in the scope share."""
        if scope is _MERCHANT:
            return self.merchants
        return self.categories if scope is _CATEGORY else self.countries


STATE_OF_ACTIVITY = tuple(_Log.__annotations__)
"""The fields of an activity's state. A change makes all existing snapshots stale."""

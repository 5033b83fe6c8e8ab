"""The input of velocity rules: an account's approved purchases of the last 30 days.

They are kept whichever rule set is in force, so that a rule set activated today sees yesterday's
purchases. They follow from the approvals and their times alone, so a replay gives the same.

Purchases are kept to the minute for a day and to the hour beyond. A window counts from the start
of the minute or hour in which it begins. So it looks back up to one minute (beyond a day: one hour)
longer than it says and never shorter: no limit can be dodged.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import compress, repeat
from operator import eq
from typing import Any

from txplatform.domain.requests import Merchant, Purchase

LONGEST_WINDOW = 30 * 24 * 60
"""The longest window of a velocity rule, in minutes."""

FINE_WINDOW = 24 * 60
"""The longest window that counts to the minute, in minutes; a longer one counts to the hour."""

_KEPT = LONGEST_WINDOW + 24 * 60
"""Minutes kept: a day more, for a process whose clock is behind."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)
_HOUR = 60
_MAX_TOTAL = 2**63 - 1
_SPARE_ROWS = 16


class VelocityScope(StrEnum):
    """The purchases that count together: all of an account, or those like the one decided."""

    ACCOUNT = "account"
    CATEGORY = "category"
    MERCHANT = "merchant"
    COUNTRY = "country"


# Looked up once: CPython 3.11 finds a member of an enumeration slowly.
_ACCOUNT, _CATEGORY, _MERCHANT = (
    VelocityScope.ACCOUNT,
    VelocityScope.CATEGORY,
    VelocityScope.MERCHANT,
)


def minute_of(time: datetime) -> int:
    """Return the minutes from 1970 to this time, rounded down."""
    return (time - _EPOCH) // _MINUTE


class Activity:
    """The approved purchases of one account; only a pointer until there is one."""

    __slots__ = ("_log",)

    def __init__(self, log: _Log | None = None) -> None:
        self._log = log

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Activity) and self._log == other._log

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __repr__(self) -> str:
        return f"Activity({self._log!r})"

    @classmethod
    def from_state(cls, state: Sequence[Any]) -> Activity:
        """Return the activity that `state` was taken from."""
        return cls(_Log.from_state(state) if state else None)

    def state(self) -> list[Any]:
        """Return the activity as plain values; an empty list if there are no purchases."""
        return [] if self._log is None else self._log.state()

    def add(self, at: datetime, purchase: Purchase, *, count: int = 1) -> None:
        """Add a purchase approved at a time; `count` is 0 if it only raises an earlier one."""
        minute, merchant = minute_of(at), purchase.merchant
        # One string for all accounts: a million of them name the same shops and countries.
        country = sys.intern(merchant.country)
        log = self._log or _Log()
        if purchase.amount > 0 and country not in log.known_countries:
            log.known_countries = (*log.known_countries, country)
        log.insert(
            minute,
            count,
            purchase.amount,
            sys.intern(merchant.category_code),
            sys.intern(merchant.id),
            country,
        )
        self._log = log if len(log.minutes) < log.compact_at else log.compacted(minute)

    def count(self, since: int, scope: VelocityScope, merchant: Merchant) -> int:
        """Return the number of purchases in this merchant's scope, from a minute on."""
        log = self._log
        if log is None or log.minutes[-1] < since:
            return 0
        return log.count(bisect_left(log.minutes, since), scope, merchant)

    def amount(self, since: int, scope: VelocityScope, merchant: Merchant) -> int:
        """Return the sum of the same purchases, minor units."""
        log = self._log
        if log is None or log.minutes[-1] < since:
            return 0
        return log.sum_of(log.amounts, bisect_left(log.minutes, since), scope, merchant)

    @property
    def countries(self) -> tuple[str, ...]:
        """The countries where money was ever spent, in the order of the first purchase."""
        return () if self._log is None else self._log.known_countries


@dataclass(slots=True)
class _Log:
    """Purchases as columns. A row has the purchases of one time and place; `minutes` orders rows.

    Columns take a third of the memory of rows, and each is added up without reading the others.

    Attributes:
        compact_at: The number of rows at which they are compacted. It grows with them, so that the
            work for one purchase does not depend on their number.
        plain: True if every row is one purchase, so that counting rows is enough.
        minutes: The last minute that each row stands for.
    """

    known_countries: tuple[str, ...] = ()
    compact_at: int = _SPARE_ROWS
    plain: bool = True
    minutes: array[int] = field(default_factory=lambda: array("q"))
    counts: array[int] = field(default_factory=lambda: array("q"))
    amounts: array[int] = field(default_factory=lambda: array("q"))
    categories: list[str] = field(default_factory=list)
    merchants: list[str] = field(default_factory=list)
    countries: list[str] = field(default_factory=list)

    @classmethod
    def from_state(cls, state: Sequence[Any]) -> _Log:
        known_countries, compact_at, minutes, counts, amounts, *names = state
        categories, merchants, countries = (list(map(sys.intern, column)) for column in names)
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
        self, minute: int, count: int, amount: int, category: str, merchant: str, country: str
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
        name, names = self._names(scope, merchant)
        return names[start:].count(name)

    def sum_of(
        self, values: array[int], start: int, scope: VelocityScope, merchant: Merchant
    ) -> int:
        if scope is _ACCOUNT:
            return sum(values[start:])
        name, names = self._names(scope, merchant)
        return sum(compress(values[start:], map(eq, names[start:], repeat(name))))

    def compacted(self, now: int) -> _Log:
        """Return a log in which rows of one time and place are merged, without too old rows.

        A row's age is counted from the purchase just added and not from the newest row: a process
        with a fast clock must not make others' purchases be dropped early.
        """
        # At a full hour, so that an hour's row stays before all that is known to the minute.
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

    def _names(self, scope: VelocityScope, merchant: Merchant) -> tuple[str, list[str]]:
        """Return the merchant's name in this scope, and those of all rows."""
        if scope is _MERCHANT:
            return merchant.id, self.merchants
        if scope is _CATEGORY:
            return merchant.category_code, self.categories
        return merchant.country, self.countries


STATE_OF_ACTIVITY = tuple(_Log.__annotations__)
"""Names of what an activity keeps: its part in the shape of a snapshot."""

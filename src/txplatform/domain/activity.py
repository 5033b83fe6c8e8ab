"""The input of velocity rules: an account's approved purchases of the last 30 days.

It is kept whatever rule set is in force, so that one activated today sees yesterday. It follows
from the approvals and the times they were decided at alone, so a replay makes the same again.

Purchases are kept to the minute for a day and to the hour beyond. A window is
counted from the beginning of the minute or hour in which the window begins: a window looks back
up to one minute (beyond a day: one hour) longer than it says, never shorter, so no limit is dodged.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from txplatform.domain.requests import Merchant, Purchase

LONGEST_WINDOW = 30 * 24 * 60
"""Minutes that can be looked back on."""

FINE_WINDOW = 24 * 60
"""Minutes within which every window counts to the minute; a longer one counts to the hour."""

_KEPT = LONGEST_WINDOW + 24 * 60
"""Minutes kept: a day more, for a process whose clock is behind that of another one."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)
_HOUR = 60
_MAX_TOTAL = 2**63 - 1
_SPARE_ROWS = 16


class VelocityScope(StrEnum):
    """Which of the account's purchases count together: all, or those like the one decided."""

    ACCOUNT = "account"
    CATEGORY = "category"
    MERCHANT = "merchant"
    COUNTRY = "country"


_ACCOUNT, _CATEGORY, _MERCHANT = (
    VelocityScope.ACCOUNT,
    VelocityScope.CATEGORY,
    VelocityScope.MERCHANT,
)
"""Looked up once: a member of an enumeration is found slowly."""


def minute_of(time: datetime) -> int:
    """The minute this time lies in, counted from 1970."""
    return (time - _EPOCH) // _MINUTE


class Activity:
    """The approved purchases of one account; nothing but a pointer until there is one."""

    __slots__ = ("_log",)

    def __init__(self) -> None:
        self._log: _Log | None = None

    @classmethod
    def from_state(cls, state: Sequence[Any]) -> Activity:
        """Return the activity that `state` was taken from."""
        activity = cls()
        if state:
            activity._log = _Log.from_state(state)
        return activity

    def state(self) -> list[Any]:
        """Return it as plain values; an empty list if there is nothing."""
        return [] if self._log is None else self._log.state()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Activity) and self._log == other._log

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __repr__(self) -> str:
        return f"Activity.from_state({self.state()!r})"

    def add(self, at: datetime, purchase: Purchase, *, count: int = 1) -> None:
        """Remember a purchase that was approved at this time.

        Args:
            at: When.
            purchase: What was approved.
            count: The number of purchases it counts as; 0 if it only raises an earlier one.
        """
        if self._log is None:
            self._log = _Log()
        self._log.add(minute_of(at), purchase, count)

    def count(self, since: int, scope: VelocityScope, merchant: Merchant) -> int:
        """Return the number of purchases since this minute, of those in this merchant's scope."""
        log = self._log
        if log is None or log.minutes[-1] < since:
            return 0
        return log.count(since, scope, merchant)

    def amount(self, since: int, scope: VelocityScope, merchant: Merchant) -> int:
        """Return their sum, in minor units."""
        log = self._log
        if log is None or log.minutes[-1] < since:
            return 0
        return log.amount(since, scope, merchant)

    @property
    def countries(self) -> tuple[str, ...]:
        """The countries where money was ever spent, in the order of the first time."""
        return () if self._log is None else self._log.known_countries

    def knows_country(self, country: str) -> bool:
        """Return whether money was ever spent there, however long ago."""
        return self._log is not None and country in self._log.known_countries


@dataclass(slots=True)
class _Log:
    """One row for purchases of one time and place, in the order of `minutes`.

    Columns take a third of the memory of rows, and are added up without touching the others.

    Attributes:
        known_countries: Where money was ever spent.
        compact_at: At how many rows they are compacted; grows with them, so that the work for
            one purchase is the same however many there are.
        plain: Whether every row is one purchase, so that counting rows is enough.
        minutes: The last minute that the row stands for.
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
        known, compact_at, minutes, counts, amounts, categories, merchants, countries = state
        return cls(
            tuple(map(sys.intern, known)),
            compact_at,
            counts.count(1) == len(counts),
            array("q", minutes),
            array("q", counts),
            array("q", amounts),
            list(map(sys.intern, categories)),
            list(map(sys.intern, merchants)),
            list(map(sys.intern, countries)),
        )

    def state(self) -> list[Any]:
        return [
            list(self.known_countries),
            self.compact_at,
            self.minutes.tolist(),
            self.counts.tolist(),
            self.amounts.tolist(),
            self.categories.copy(),
            self.merchants.copy(),
            self.countries.copy(),
        ]

    def add(self, minute: int, purchase: Purchase, count: int) -> None:
        merchant = purchase.merchant
        amount = purchase.amount
        # One string for all accounts: a million of them name the same shops and countries.
        country = sys.intern(merchant.country)
        if country not in self.known_countries and amount > 0:
            self.known_countries = (*self.known_countries, country)
        minutes = self.minutes
        if not minutes or minute >= minutes[-1]:
            minutes.append(minute)
            self.counts.append(count)
            self.amounts.append(amount)
            self.categories.append(sys.intern(merchant.category_code))
            self.merchants.append(sys.intern(merchant.id))
            self.countries.append(country)
        else:  # decided by a process whose clock is behind
            place = bisect_right(minutes, minute)
            minutes.insert(place, minute)
            self.counts.insert(place, count)
            self.amounts.insert(place, amount)
            self.categories.insert(place, sys.intern(merchant.category_code))
            self.merchants.insert(place, sys.intern(merchant.id))
            self.countries.insert(place, country)
        if count != 1:
            self.plain = False
        if len(minutes) >= self.compact_at:
            self._compact(minute)

    def count(self, since: int, scope: VelocityScope, merchant: Merchant) -> int:
        start = bisect_left(self.minutes, since)
        if scope is _ACCOUNT:
            return len(self.minutes) - start if self.plain else sum(self.counts[start:])
        wanted, names = self._names(scope, merchant)
        if self.plain:
            return names[start:].count(wanted)
        return _total(self.counts[start:], names[start:], wanted)

    def amount(self, since: int, scope: VelocityScope, merchant: Merchant) -> int:
        start = bisect_left(self.minutes, since)
        if scope is _ACCOUNT:
            return sum(self.amounts[start:])
        wanted, names = self._names(scope, merchant)
        return _total(self.amounts[start:], names[start:], wanted)

    def _names(self, scope: VelocityScope, merchant: Merchant) -> tuple[str, list[str]]:
        """The merchant's name in this scope, and those of all rows."""
        if scope is _MERCHANT:
            return merchant.id, self.merchants
        if scope is _CATEGORY:
            return merchant.category_code, self.categories
        return merchant.country, self.countries

    def _compact(self, now: int) -> None:
        """Take rows of one time and place together, and forget what no window can reach.

        That is as seen from the purchase just added, and not from the newest: one that a process
        with a wrong clock has approved must not make the others be forgotten before their time.
        """
        # At a full hour, so that an hour's row stays before all that is known to the minute.
        fine = (now - FINE_WINDOW) // _HOUR * _HOUR
        oldest = now - _KEPT
        compacted = _Log(self.known_countries)
        places: dict[tuple[int, str, str, str], int] = {}
        for minute, count, amount, category, merchant, country in zip(
            self.minutes,
            self.counts,
            self.amounts,
            self.categories,
            self.merchants,
            self.countries,
            strict=True,
        ):
            if minute < oldest:
                continue
            last = minute if minute >= fine else minute - minute % _HOUR + _HOUR - 1
            key = (last, category, merchant, country)
            place = places.get(key)
            if place is not None and compacted.amounts[place] + amount <= _MAX_TOTAL:
                compacted.counts[place] += count
                compacted.amounts[place] += amount
                continue
            places[key] = len(compacted.minutes)
            compacted.minutes.append(last)
            compacted.counts.append(count)
            compacted.amounts.append(amount)
            compacted.categories.append(category)
            compacted.merchants.append(merchant)
            compacted.countries.append(country)
        self.minutes = compacted.minutes
        self.counts = compacted.counts
        self.amounts = compacted.amounts
        self.categories = compacted.categories
        self.merchants = compacted.merchants
        self.countries = compacted.countries
        rows = len(self.minutes)
        self.compact_at = rows + rows // 2 + _SPARE_ROWS
        self.plain = self.counts.count(1) == rows


STATE_OF_ACTIVITY = tuple(_Log.__annotations__)
"""Names of what an activity keeps: its part in the shape of a snapshot."""


def _total(values: array[int], names: list[str], wanted: str) -> int:
    """The sum of the values whose name is the wanted one."""
    matching = names.count(wanted)
    if matching == 0:
        return 0
    if matching == len(names):
        return sum(values)
    if matching <= len(names) // 4:  # few: found faster than all are looked at
        total, row = 0, -1
        for _ in range(matching):
            row = names.index(wanted, row + 1)
            total += values[row]
        return total
    return sum([value for value, name in zip(values, names, strict=True) if name == wanted])

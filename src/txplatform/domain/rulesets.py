"""The risk team's versioned rule sets for all accounts, and the controls of single accounts."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Annotated

from txplatform.domain.rules import ALWAYS, Case, ConfigurableRule, Judgement
from txplatform.domain.rules.codes import CategoryCodes, CodeList
from txplatform.domain.rules.parameters import Number, ParameterError, Parametrized
from txplatform.domain.rules.rule import Check, ask, checks_of
from txplatform.domain.rules.stored import StoredRule, rule_from_stored, rule_to_stored
from txplatform.errors import TxPlatformError

MAX_RULES = 200
MAX_HOLD_DAYS = 90
MAX_DESCRIPTION = 200
NAME_FORM = r"[a-z0-9][a-z0-9-]{0,47}"
MAX_NAME = 48
RULESET_ID_FORM = rf"{NAME_FORM}@[1-9][0-9]{{0,9}}"
MAX_RULESET_ID = MAX_NAME + 11
MAX_VERSION = 2**31 - 1
_NAME = re.compile(NAME_FORM, re.ASCII)


class RulesNotUnderstoodError(TxPlatformError):
    """This version of the platform does not understand the rule set in force."""


def ruleset_id(name: str, version: int) -> str:
    """Return the id of a rule set, such as `retail@3`."""
    return f"{name}@{version}"


def check_rule_count(count: int) -> None:
    """Check that a rule set is small enough to evaluate in time.

    Raises:
        ParameterError: There are too many rules.
    """
    if count > MAX_RULES:
        raise ParameterError(
            "rules", f"are {count}, too many for one decision; write at most {MAX_RULES}."
        )


def _check_rules(rules: tuple[ConfigurableRule, ...]) -> None:
    check_rule_count(len(rules))
    places: dict[ConfigurableRule, int] = {}
    for index, rule in enumerate(rules):
        if (first := places.setdefault(rule, index)) < index:
            raise ParameterError(f"rules[{index}]", f"repeats rules[{first}]; name each rule once.")


_DAYS = Number(1, MAX_HOLD_DAYS, "is too short or too long for a hold; write {least} to {most}.")


@dataclass(frozen=True, slots=True)
class CategoryHold(Parametrized):
    """The duration of holds in some merchant categories.

    Attributes:
        categories: Category codes (ISO 18245), such as 4411, and ranges, such as 3351-3500.
        days: Days from the approval of a hold to its expiry.
    """

    categories: Annotated[tuple[str, ...], CodeList(CategoryCodes, "so it would never apply")]
    days: Annotated[int, _DAYS]


@dataclass(frozen=True, slots=True)
class HoldDays:
    """The number of days after which a hold expires.

    Attributes:
        default: Days from the approval, for merchant categories that are unknown or not in
            `by_category`.
        by_category: Other durations for some merchant categories; no category appears twice.
        extended_by_increments: True if the days are counted anew from each approved increment.
        categories: The codes and ranges in `by_category`, sorted.
        days: The number of days for each entry of `categories`, in the same order.
    """

    default: int = 7
    by_category: tuple[CategoryHold, ...] = ()
    extended_by_increments: bool = True
    categories: CategoryCodes = field(init=False, repr=False, compare=False)
    days: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for problem in _DAYS.problems("default", self.default):
            raise problem
        entries = sorted(
            (entry, place)
            for place, hold in enumerate(self.by_category)
            for entry in hold.categories
        )
        for (entry, before), (following, place) in pairwise(entries):
            if CategoryCodes.overlap(entry, following):
                raise ParameterError(
                    f"by_category[{place}]",
                    f"names a category that by_category[{before}] names too; name each code once.",
                )
        categories = CategoryCodes(entry for entry, _ in entries)
        by_category = tuple(sorted(self.by_category, key=lambda hold: hold.categories))
        object.__setattr__(self, "by_category", by_category)  # canonical order
        days = {entry: hold.days for hold in by_category for entry in hold.categories}
        object.__setattr__(self, "categories", categories)
        object.__setattr__(self, "days", tuple(days[entry] for entry in categories))

    def of(self, category_code: str | None) -> int:
        """Return the number of days that a hold in this merchant category lasts."""
        if category_code is None:
            return self.default
        place = bisect_right(self.categories.bounds, category_code)
        return self.days[place // 2] if place % 2 else self.default

    def end(self, category_code: str | None, now: datetime) -> datetime:
        """Return when a hold in this merchant category expires if it is approved now."""
        return now + timedelta(days=self.of(category_code))

    def extended(
        self, expires_at: datetime | None, category_code: str | None, now: datetime
    ) -> datetime | None:
        """Return when a hold expires that is raised now; None for never."""
        if expires_at is None or not self.extended_by_increments:
            return expires_at
        return max(expires_at, self.end(category_code, now))


USUAL_HOLD_DAYS = HoldDays(
    7,
    (
        # Vehicle rental, lodging and cruises are authorized at the start and cleared at the end;
        # card schemes keep such authorizations valid for 30 or 31 days.
        CategoryHold(("3351-3500", "7512-7513", "7519"), 30),
        CategoryHold(("3501-3999", "7011"), 30),
        CategoryHold(("4411",), 30),
        # A fuel pump authorizes a full tank and clears on the same or the next day.
        CategoryHold(("5542",), 2),
    ),
)
"""The hold days of a rule set that does not specify any."""


@dataclass(frozen=True, slots=True)
class RuleSet:
    """An immutable set of rules that apply in addition to the always-on rules.

    Attributes:
        name: Lower case letters, digits and hyphens.
        version: Counted from 1; every change is a new version.
        rules: In order of evaluation. A decline lists reasons with the same code in this order.
    """

    name: str
    version: int
    description: str = ""
    rules: tuple[ConfigurableRule, ...] = ()
    hold_days: HoldDays = USUAL_HOLD_DAYS
    checks: tuple[Check, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ParameterError(
                "name",
                "cannot be part of an id; write 1 to 48 characters of a-z, 0-9 and -, such as "
                "retail.",
            )
        if not 1 <= self.version <= MAX_VERSION:
            raise ParameterError(
                "version", "is out of range: versions are counted from 1; write the next."
            )
        if len(self.description) > MAX_DESCRIPTION or not self.description.isprintable():
            raise ParameterError(
                "description",
                "is too long or has control characters; "
                f"write one line of at most {MAX_DESCRIPTION} characters.",
            )
        _check_rules(self.rules)
        object.__setattr__(self, "checks", checks_of((*ALWAYS, *self.rules)))

    @property
    def id(self) -> str:
        """The id that is stored with decisions, such as `retail@3`."""
        return ruleset_id(self.name, self.version)

    def judge(self, case: Case, controls: Controls) -> Judgement:
        """Evaluate the always-on rules, this rule set and the controls for a purchase."""
        return ask(self.checks + controls.checks if controls.checks else self.checks, case)


CONTROLS_PREFIX = "controls: "
"""The prefix for the names of rules that belong to controls."""


class Controls:
    """An account's own rules. They add to the rule set, so they can only decline more purchases.

    Controls are immutable, because accounts with equal controls share one object. The class is not
    a dataclass, since msgspec would then encode all its fields; snapshots contain only `stored`.

    Attributes:
        stored: The rules as plain values.
    """

    __slots__ = ("checks", "rules", "stored")

    def __init__(self, rules: tuple[ConfigurableRule, ...] = ()) -> None:
        _check_rules(rules)
        self.rules = rules
        self.checks: tuple[Check, ...] = checks_of(rules, CONTROLS_PREFIX)
        self.stored: tuple[StoredRule, ...] = tuple(map(rule_to_stored, rules))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Controls) and self.rules == other.rules

    def __hash__(self) -> int:
        return hash(self.rules)

    def __repr__(self) -> str:
        return f"Controls({self.rules!r})"


NO_CONTROLS = Controls()
"""The controls of an account that has no own rules."""


def controls_of(stored: Iterable[StoredRule]) -> Controls:
    """Restore controls from stored rules; accounts with equal rules share one object.

    Raises:
        KeyError, TypeError, ValueError: A stored rule was altered or comes from a newer version.
    """
    written = list(stored)
    return _controls_of(json.dumps(written)) if written else NO_CONTROLS


@lru_cache(maxsize=4096)
def _controls_of(written: str) -> Controls:
    return Controls(tuple(map(rule_from_stored, json.loads(written))))


DEFAULT_RULESET = RuleSet("default", 1, "Nothing but the rules that are always on.")
"""The rule set in force until another rule set is activated."""

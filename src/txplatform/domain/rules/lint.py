"""What is allowed in a rule set and still looks like a mistake."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, permutations

from txplatform.domain.activity import VelocityScope
from txplatform.domain.money import MAX_AMOUNT
from txplatform.domain.rules.amount_limit import AmountLimit
from txplatform.domain.rules.cash_like import CashLike
from txplatform.domain.rules.categories import category_mask
from txplatform.domain.rules.category_allow import CategoryAllow
from txplatform.domain.rules.category_deny import CategoryDeny
from txplatform.domain.rules.country_allow import CountryAllow
from txplatform.domain.rules.country_deny import CountryDeny
from txplatform.domain.rules.new_country import NewCountry
from txplatform.domain.rules.rule import ConfigurableRule
from txplatform.domain.rules.velocity_amount import VelocityAmount
from txplatform.domain.rules.velocity_count import VelocityCount
from txplatform.domain.rulesets import RuleSet

MOST_TOLD = 100
"""More warnings than this nobody reads, and contradicting lists give one for each pair."""

_EVERY_CATEGORY = category_mask(("0000-9999",))
_MoneyRule = AmountLimit | CashLike | NewCountry | VelocityAmount


@dataclass(frozen=True, slots=True)
class _Placed:
    """A rule, what it is called in warnings, and its list in a form that is quick to compare."""

    named: str
    rule: ConfigurableRule
    codes: int
    countries: frozenset[str]


def lint(ruleset: RuleSet) -> list[str]:
    """Warnings, in the order of the rules; none when nothing looks wrong."""
    rules = [
        _Placed(
            f"rules[{place}] ({rule.RULE})",
            rule,
            category_mask(getattr(rule, "categories", ())),
            frozenset(getattr(rule, "countries", ())),
        )
        for place, rule in enumerate(ruleset.rules)
    ]
    warnings = [f"{placed.named} {warning}" for placed in rules for warning in _alone(placed)]
    warnings.extend(
        f"{placed.named} never refuses what {other.named} allows: drop it or make it stricter."
        for placed, other in permutations(rules, 2)
        if _never_refuses_beside(placed, other)
    )
    warnings.extend(_contradictions(rules))
    return warnings


def most_telling(warnings: list[str]) -> list[str]:
    """The first of many warnings, then one line that says how many more there are."""
    if len(warnings) <= MOST_TOLD:
        return warnings
    left_out = len(warnings) - MOST_TOLD
    return [*warnings[:MOST_TOLD], f"There are {left_out} more warnings: mend these first."]


def _alone(placed: _Placed) -> Iterator[str]:
    """What is odd about one rule, whatever stands beside it."""
    match placed.rule:
        case AmountLimit() | CashLike() | NewCountry() as rule if rule.max_amount == MAX_AMOUNT:
            yield "never refuses: no purchase can be larger than its max_amount."
        case CategoryAllow() if placed.codes == _EVERY_CATEGORY:
            yield "never refuses: it allows every category."
        case CategoryDeny() if placed.codes == _EVERY_CATEGORY:
            yield "refuses every purchase: it denies every category."
        case VelocityAmount() | VelocityCount() as rule if rule.window_minutes == 1:
            yield (
                "has a window of 1 minute, which is the resolution: "
                "it may look back for nearly 2 minutes."
            )


def _never_refuses_beside(placed: _Placed, other: _Placed) -> bool:
    """Whether the other one refuses everything that the rule refuses."""
    return _lower_limit(placed, other) or _wider_list(placed, other)


def _lower_limit(placed: _Placed, by: _Placed) -> bool:
    match placed.rule, by.rule:
        case (VelocityCount() as rule, VelocityCount() as other):
            return _covers(other, rule) and other.max_count <= rule.max_count
        case (VelocityAmount() as rule, VelocityAmount() as other):
            return _covers(other, rule) and _at_least_as_strict(other, rule)
        case (CashLike() as rule, CashLike() as other):
            return not placed.codes & ~by.codes and _at_least_as_strict(other, rule)
        case (NewCountry() as rule, NewCountry() as other):
            return rule.home_countries == other.home_countries and _at_least_as_strict(other, rule)
        case (
            AmountLimit() | CashLike() | NewCountry() as rule,
            AmountLimit() | VelocityAmount() as other,
        ):
            return _at_least_as_strict(other, rule)
    return False


def _wider_list(placed: _Placed, other: _Placed) -> bool:
    match placed.rule, other.rule:
        case (CashLike() | CategoryDeny(), CategoryDeny()):
            return not placed.codes & ~other.codes
        case (CategoryAllow(), CategoryAllow()):
            return not other.codes & ~placed.codes
        case (CashLike(), CategoryAllow()):
            return not placed.codes & other.codes
        case (CountryDeny(), CountryDeny()):
            return placed.countries <= other.countries
        case (CountryAllow(), CountryAllow()):
            return placed.countries >= other.countries
    return False


def _covers(wide: VelocityCount | VelocityAmount, narrow: VelocityCount | VelocityAmount) -> bool:
    """Whether the wide one counts everything that the narrow one counts."""
    same = wide.scope is narrow.scope or wide.scope is VelocityScope.ACCOUNT
    return same and wide.window_minutes >= narrow.window_minutes


def _at_least_as_strict(other: _MoneyRule, rule: _MoneyRule) -> bool:
    return other.max_amount <= rule.max_amount and other.currency in (None, rule.currency)


def _contradictions(rules: list[_Placed]) -> Iterator[str]:
    """Lists that leave less than their authors meant, or nothing."""
    for placed, other in permutations(rules, 2):
        match placed.rule, other.rule:
            case (CountryAllow(), CountryDeny()) if common := placed.countries & other.countries:
                one, nothing = min(common), common == placed.countries
            case (CategoryAllow(), CategoryDeny()) if both := placed.codes & other.codes:
                one, nothing = _first_code(both), both == placed.codes
            case _:
                continue
        result = "so every purchase is refused" if nothing else "so it is refused"
        yield f"{placed.named} allows what {other.named} denies, {one} for one, {result}."
    yield from _disjoint(rules)


def _first_code(codes: int) -> str:
    lowest_bit = codes & -codes
    return f"{lowest_bit.bit_length() - 1:04d}"


def _disjoint(rules: list[_Placed]) -> Iterator[str]:
    """Two allow lists let through what both allow."""
    for placed, other in combinations(rules, 2):
        match placed.rule, other.rule:
            case (CountryAllow(), CountryAllow()):
                nothing = placed.countries.isdisjoint(other.countries)
            case (CategoryAllow(), CategoryAllow()):
                nothing = not placed.codes & other.codes
            case _:
                continue
        if nothing:
            yield (
                f"{placed.named} and {other.named} have nothing in common, "
                "so every purchase is refused."
            )

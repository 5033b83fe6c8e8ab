"""What is allowed in a rule set and still looks like a mistake."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

from txplatform.domain.activity import Scope
from txplatform.domain.money import MAX_AMOUNT
from txplatform.domain.rules.amount_limit import AmountLimit
from txplatform.domain.rules.cash_like import CashLike
from txplatform.domain.rules.category_allow import CategoryAllow
from txplatform.domain.rules.category_deny import CategoryDeny
from txplatform.domain.rules.country_allow import CountryAllow
from txplatform.domain.rules.country_deny import CountryDeny
from txplatform.domain.rules.new_country import NewCountry
from txplatform.domain.rules.velocity_amount import VelocityAmount
from txplatform.domain.rules.velocity_count import VelocityCount

if TYPE_CHECKING:
    from collections.abc import Iterator

    from txplatform.domain.rules.rule import ConfigurableRule
    from txplatform.domain.rulesets import RuleSet

_ALL_CATEGORIES = 10_000
_MoneyRule = AmountLimit | CashLike | NewCountry | VelocityAmount


def lint(ruleset: RuleSet) -> list[str]:
    """Warnings, in the order of the rules; none when nothing looks wrong."""
    rules = ruleset.rules
    warnings = [f"{_named(rules, rule)} {warning}" for rule in rules for warning in _alone(rule)]
    for rule, other in permutations(rules, 2):
        if _never_refuses_beside(rule, other):
            warnings.append(
                f"{_named(rules, rule)} never refuses what {_named(rules, other)} allows: "
                "drop it or make it stricter."
            )
    warnings.extend(_contradictions(rules))
    return warnings


def _named(rules: tuple[ConfigurableRule, ...], rule: ConfigurableRule) -> str:
    return f"rules[{rules.index(rule)}] ({rule.RULE})"


def _alone(rule: ConfigurableRule) -> Iterator[str]:
    """What is odd about one rule, whatever stands beside it."""
    match rule:
        case AmountLimit() | CashLike() | NewCountry() if rule.max_amount == MAX_AMOUNT:
            yield "never refuses: no purchase can be larger than its max_amount."
        case CategoryAllow() if len(rule.codes) == _ALL_CATEGORIES:
            yield "never refuses: it allows every category."
        case CategoryDeny() if len(rule.codes) == _ALL_CATEGORIES:
            yield "refuses every purchase: it denies every category."
        case VelocityAmount() | VelocityCount() if rule.window_minutes == 1:
            yield (
                "has a window of 1 minute, which is the resolution: "
                "it may look back for nearly 2 minutes."
            )


def _never_refuses_beside(rule: ConfigurableRule, other: ConfigurableRule) -> bool:
    """Whether the other one refuses everything that the rule refuses."""
    return _lower_limit(rule, other) or _wider_list(rule, other)


def _lower_limit(rule: ConfigurableRule, other: ConfigurableRule) -> bool:
    match rule, other:
        case (VelocityCount(), VelocityCount()):
            return _covers(other, rule) and other.max_count <= rule.max_count
        case (VelocityAmount(), VelocityAmount()):
            return _covers(other, rule) and _at_least_as_strict(other, rule)
        case (CashLike(), CashLike()):
            return rule.codes <= other.codes and _at_least_as_strict(other, rule)
        case (NewCountry(), NewCountry()):
            return rule.home_countries == other.home_countries and _at_least_as_strict(other, rule)
        case (AmountLimit() | CashLike() | NewCountry(), AmountLimit() | VelocityAmount()):
            return _at_least_as_strict(other, rule)
    return False


def _wider_list(rule: ConfigurableRule, other: ConfigurableRule) -> bool:
    match rule, other:
        case (CashLike() | CategoryDeny(), CategoryDeny()):
            return rule.codes <= other.codes
        case (CategoryAllow(), CategoryAllow()):
            return rule.codes >= other.codes
        case (CashLike(), CategoryAllow()):
            return rule.codes.isdisjoint(other.codes)
        case (CountryDeny(), CountryDeny()):
            return set(rule.countries) <= set(other.countries)
        case (CountryAllow(), CountryAllow()):
            return set(rule.countries) >= set(other.countries)
    return False


def _covers(wide: VelocityCount | VelocityAmount, narrow: VelocityCount | VelocityAmount) -> bool:
    """Whether the wide one counts everything that the narrow one counts."""
    same = wide.scope is narrow.scope or wide.scope is Scope.ACCOUNT
    return same and wide.window_minutes >= narrow.window_minutes


def _at_least_as_strict(other: _MoneyRule, rule: _MoneyRule) -> bool:
    return other.max_amount <= rule.max_amount and other.currency in (None, rule.currency)


def _contradictions(rules: tuple[ConfigurableRule, ...]) -> Iterator[str]:
    """Lists that leave less than their authors meant, or nothing."""
    for rule, other in permutations(rules, 2):
        match rule, other:
            case (CountryAllow(), CountryDeny()):
                both: set[str] | frozenset[str] = set(rule.countries) & set(other.countries)
                nothing = len(both) == len(rule.countries)
            case (CategoryAllow(), CategoryDeny()):
                both = rule.codes & other.codes
                nothing = len(both) == len(rule.codes)
            case _:
                continue
        if both:
            named = f"{_named(rules, rule)} allows what {_named(rules, other)} denies"
            result = "so every purchase is refused" if nothing else "so it is refused"
            yield f"{named}, {min(both)} for one, {result}."
    yield from _disjoint(rules)


def _disjoint(rules: tuple[ConfigurableRule, ...]) -> Iterator[str]:
    """Two allow lists let through what both allow."""
    for place, rule in enumerate(rules):
        for other in rules[place + 1 :]:
            match rule, other:
                case (CountryAllow(), CountryAllow()):
                    nothing = set(rule.countries).isdisjoint(other.countries)
                case (CategoryAllow(), CategoryAllow()):
                    nothing = rule.codes.isdisjoint(other.codes)
                case _:
                    continue
            if nothing:
                yield (
                    f"{_named(rules, rule)} and {_named(rules, other)} have nothing in common, "
                    "so every purchase is refused."
                )

"""Warnings about what is allowed in a rule set and still looks like a mistake.

Each rule says itself what is odd about it, and compares itself with rules of its kind. This
module compares rules of different kinds.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, permutations, product

from txplatform.domain.rules.amount_limit import AmountLimit
from txplatform.domain.rules.cash_like import CashLike
from txplatform.domain.rules.category_allow import CategoryAllow
from txplatform.domain.rules.category_deny import CategoryDeny
from txplatform.domain.rules.codes import AllowList, CategoryCodes, CodeList, Codes, DenyList
from txplatform.domain.rules.new_country import NewCountry
from txplatform.domain.rules.rule import ConfigurableRule
from txplatform.domain.rules.velocity_amount import VelocityAmount
from txplatform.domain.rulesets import RuleSet

MAX_WARNINGS = 100
"""More warnings than this nobody reads, and contradicting lists give one for each pair."""

Placed = tuple[str, ConfigurableRule]
"""A rule, and its name in warnings."""


def lint(ruleset: RuleSet) -> list[str]:
    """Return warnings, in the order of the rules; none when nothing looks wrong."""
    rules = [(f"rules[{place}] ({rule.RULE})", rule) for place, rule in enumerate(ruleset.rules)]
    return [
        *(f"{name} {warning}" for name, rule in rules for warning in rule.oddities()),
        *(
            f"{name} never refuses what {other_name} allows: drop it or make it stricter."
            for (name, rule), (other_name, other) in permutations(rules, 2)
            if _never_refuses_beside(rule, other)
        ),
        *_contradictions(rules),
        *_disjoint(rules),
    ]


def most_telling(warnings: list[str]) -> list[str]:
    """Return the first of many warnings, and one line that says how many more there are."""
    if len(warnings) <= MAX_WARNINGS:
        return warnings
    left_out = len(warnings) - MAX_WARNINGS
    return [*warnings[:MAX_WARNINGS], f"There are {left_out} more warnings: mend these first."]


def _never_refuses_beside(rule: ConfigurableRule, other: ConfigurableRule) -> bool:
    """Return whether the other rule refuses everything that the rule refuses."""
    if type(other) is type(rule):
        return other.refuses_all_of(rule)
    if isinstance(other, AmountLimit | VelocityAmount):
        return (
            isinstance(rule, AmountLimit | CashLike | NewCountry)
            and other.max_amount <= rule.max_amount
            and other.currency in (None, rule.currency)
        )
    if isinstance(rule, CashLike):
        if isinstance(other, CategoryDeny):
            return _codes(other).covers(_codes(rule))
        if isinstance(other, CategoryAllow):
            return _codes(other).first_common(_codes(rule)) is None
    return False


def _codes(rule: CashLike | CategoryDeny | CategoryAllow) -> CategoryCodes:
    categories = rule.categories
    assert isinstance(categories, CategoryCodes)  # made so when the rule was made
    return categories


def _lists(rules: list[Placed], of: type[CodeList]) -> Iterator[tuple[str, Codes]]:
    """Yield the rules that are nothing but one such list."""
    for name, rule in rules:
        parameters = rule.PARAMETERS
        for field, parameter in parameters.items():
            if len(parameters) == 1 and isinstance(parameter, of):
                yield name, getattr(rule, field)


def _contradictions(rules: list[Placed]) -> Iterator[str]:
    """Warn of lists that leave less than their authors meant, or nothing."""
    for (name, allowed), (other_name, denied) in product(
        _lists(rules, AllowList), _lists(rules, DenyList)
    ):
        if type(allowed) is type(denied) and (one := allowed.first_common(denied)) is not None:
            nothing = denied.covers(allowed)
            result = "so every purchase is refused" if nothing else "so it is refused"
            yield f"{name} allows what {other_name} denies, {one} for one, {result}."


def _disjoint(rules: list[Placed]) -> Iterator[str]:
    """Warn of two allow lists that have nothing in common: only what both allow passes."""
    for (name, allowed), (other_name, others) in combinations(_lists(rules, AllowList), 2):
        if type(allowed) is type(others) and allowed.first_common(others) is None:
            yield (f"{name} and {other_name} have nothing in common, so every purchase is refused.")

"""Warnings about likely mistakes in valid rule sets.

Each rule class checks its own parameters and compares rules of its own kind. This module compares
rules of different kinds.
"""

from collections.abc import Iterable, Iterator
from itertools import combinations, permutations, product

from txplatform.domain.currencies import format_money
from txplatform.domain.rules.amount_limit import AmountLimit
from txplatform.domain.rules.cash_like import CashLike
from txplatform.domain.rules.category_lists import CategoryAllow, CategoryDeny
from txplatform.domain.rules.codes import AllowList, CategoryCodes, CodeList, Codes, DenyList
from txplatform.domain.rules.new_country import NewCountry
from txplatform.domain.rules.rule import ConfigurableRule
from txplatform.domain.rules.unknown import Switch
from txplatform.domain.rules.velocity import VelocityAmount
from txplatform.domain.rulesets import RuleSet

MAX_WARNINGS = 100
"""The largest number of warnings shown; every pair of contradicting lists has a warning."""

_MONEY_RULES = (AmountLimit, CashLike, NewCountry, VelocityAmount)
_SHOWN_SUMS = 3

Placed = tuple[str, ConfigurableRule]
"""A rule with its name in warnings."""


def lint(ruleset: RuleSet, currencies: Iterable[str] = ()) -> list[str]:
    """Return all warnings about a rule set, for accounts in these currencies."""
    rules = [(f"rules[{place}] ({rule.RULE})", rule) for place, rule in enumerate(ruleset.rules)]
    return [
        *(f"{name} {warning}" for name, rule in rules for warning in rule.oddities()),
        *(
            f"{name} never refuses what {other_name} allows: drop it or make it stricter."
            for (name, rule), (other_name, other) in permutations(rules, 2)
            if _made_redundant_by(rule, other)
        ),
        *_contradictions(rules),
        *_disjoint(rules),
        *_passing_unknown(rules),
        *_without_currency(rules, sorted(currencies)),
    ]


def shortened(warnings: list[str]) -> list[str]:
    """Cut a list after `MAX_WARNINGS` warnings, and add a line that counts the omitted warnings."""
    if len(warnings) <= MAX_WARNINGS:
        return warnings
    left_out = len(warnings) - MAX_WARNINGS
    return [*warnings[:MAX_WARNINGS], f"There are {left_out} more warnings: fix these first."]


def _made_redundant_by(rule: ConfigurableRule, other: ConfigurableRule) -> bool:
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
    assert isinstance(categories, CategoryCodes)  # converted by the rule's constructor
    return categories


def _lists(rules: list[Placed], of: type[CodeList]) -> Iterator[tuple[str, Codes]]:
    for name, rule in rules:
        parameters = rule.PARAMETERS
        for field, parameter in parameters.items():
            if isinstance(parameter, of) and all(
                isinstance(each, CodeList | Switch) for each in parameters.values()
            ):
                yield name, getattr(rule, field)


def _contradictions(rules: list[Placed]) -> Iterator[str]:
    for (name, allowed), (other_name, denied) in product(
        _lists(rules, AllowList), _lists(rules, DenyList)
    ):
        if type(allowed) is type(denied) and (one := allowed.first_common(denied)) is not None:
            nothing = denied.covers(allowed)
            result = "so every purchase is refused" if nothing else "so it is refused"
            yield f"{name} allows what {other_name} denies, such as {one}, {result}."


def _disjoint(rules: list[Placed]) -> Iterator[str]:
    for (name, allowed), (other_name, others) in combinations(_lists(rules, AllowList), 2):
        if type(allowed) is type(others) and allowed.first_common(others) is None:
            yield f"{name} and {other_name} have nothing in common, so every purchase is refused."


def _passing_unknown(rules: list[Placed]) -> Iterator[str]:
    """Name the deny rules that let unknown merchants pass, if no other rule refuses these."""
    denying = [
        (name, type(getattr(rule, field)), refuses)
        for name, rule in rules
        if (refuses := getattr(rule, "refuse_unknown", None)) is not None
        for field, parameter in rule.PARAMETERS.items()
        if isinstance(parameter, DenyList)
    ]
    refused = {type(codes) for _, codes in _lists(rules, AllowList)}
    refused |= {kind for _, kind, refuses in denying if refuses}
    for name, kind, _ in denying:
        if kind not in refused:
            yield (
                f"{name} lets a purchase pass if the merchant's {kind.MEANING} is unknown: "
                'write "refuse_unknown": true to refuse it.'
            )


def _without_currency(rules: list[Placed], currencies: list[str]) -> Iterator[str]:
    """Name the rules about money that mean another sum in each currency."""
    if len(currencies) < 2:  # noqa: PLR2004  # several
        return
    for name, rule in rules:
        if isinstance(rule, _MONEY_RULES) and rule.currency is None:
            sums = " and ".join(
                format_money(rule.max_amount, currency) for currency in currencies[:_SHOWN_SUMS]
            )
            yield (
                f"{name} has no currency, so {rule.max_amount} means {sums}: "
                "write one rule for each currency."
            )

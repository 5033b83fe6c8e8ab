"""Describe the differences between two rule sets in sentences."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from txplatform.domain.rules.parameters import json_name
from txplatform.domain.rules.rule import ConfigurableRule
from txplatform.domain.rulesets import HoldDays, RuleSet

_CODES = [f"{code:04d}" for code in range(10_000)]


def diff(old: RuleSet, new: RuleSet) -> list[str]:
    """Return a sentence for each change to the rules and the duration of holds."""
    return [*_rules(old.rules, new.rules), *_holds(old.hold_days, new.hold_days)]


def _rules(old: tuple[ConfigurableRule, ...], new: tuple[ConfigurableRule, ...]) -> Iterator[str]:
    gone = [rule for rule in old if rule not in new]
    come = [rule for rule in new if rule not in old]
    for rule in come:
        before = _counterpart(rule, gone)
        if before is None:
            yield f"Added {rule.RULE}: {rule.sentence()}"
        else:
            gone.remove(before)
            changes = ", ".join(_changes(before, rule))
            yield f"Changed {rule.RULE}: {changes}. Now: {rule.sentence()}"
    for rule in gone:
        yield f"Removed {rule.RULE}: {rule.sentence()}"
    if not come and not gone and old != new:
        yield "Only the order of the rules changes; the same purchases are refused."


def _counterpart(
    rule: ConfigurableRule, candidates: list[ConfigurableRule]
) -> ConfigurableRule | None:
    """Return the candidate that `rule` most likely replaces; None if no class matches."""
    same_kind = [candidate for candidate in candidates if type(candidate) is type(rule)]
    return next(
        (candidate for candidate in same_kind if _about(candidate) == _about(rule)),
        same_kind[0] if same_kind else None,
    )


def _about(rule: ConfigurableRule) -> list[Any]:
    parameters = rule.PARAMETERS.items()
    return [getattr(rule, field) for field, parameter in parameters if parameter.selects_purchases]


def _changes(before: ConfigurableRule, after: ConfigurableRule) -> Iterator[str]:
    for field, parameter in after.PARAMETERS.items():
        old, new = getattr(before, field), getattr(after, field)
        yield from parameter.changes(json_name(field), old, new)


def _holds(old: HoldDays, new: HoldDays) -> Iterator[str]:
    if old.default != new.default:
        yield f"Holds last {new.default} days instead of {old.default}."
    if old.extended_by_increments != new.extended_by_increments:
        no_longer = "" if new.extended_by_increments else " no longer"
        yield f"An approved increment{no_longer} extends the hold."
    changed = [
        (code, before, after)
        for code in _CODES
        if (before := _lasting(old, code)) != (after := _lasting(new, code))
    ]
    # One sentence for consecutive codes with the same change: a range may have hundreds of codes.
    for (_, before, after), run in groupby(enumerate(changed), key=_run):
        codes = [code for _, (code, _, _) in run]
        span = codes[0] if len(codes) == 1 else f"{codes[0]}-{codes[-1]}"
        yield f"Holds in merchant category {span} last {after} instead of {before}."


def _run(item: tuple[int, tuple[str, str, str]]) -> tuple[int, str, str]:
    """Return a key that groups codes in a row (such as 5811, 5812) with the same change."""
    place, (code, before, after) = item
    return int(code) - place, before, after


def _lasting(holds: HoldDays, code: str) -> str:
    return f"{holds.of(code)} days" if code in holds.categories else "the default time"

"""Parse rule sets and account controls from JSON, and write and hash rule sets as canonical JSON.

`domain/rules/stored.py` converts rules to JSON values.
"""

import dataclasses
import hashlib
from collections.abc import Callable
from typing import Any

import orjson
from pydantic import TypeAdapter

from txplatform.contracts.fields import refuse_card_number
from txplatform.contracts.json import parse_strict_json
from txplatform.contracts.rule_parsing import (
    MAX_PROBLEMS,
    JsonObject,
    T,
    read_rule,
    strict_adapter,
    validated,
)
from txplatform.domain.rules import ConfigurableRule
from txplatform.domain.rules.parameters import ParameterError
from txplatform.domain.rules.stored import parameters_to_stored, rule_to_stored
from txplatform.domain.rulesets import (
    USUAL_HOLD_DAYS,
    Controls,
    HoldDays,
    RuleSet,
    check_rule_count,
)
from txplatform.errors import TxPlatformError

MAX_CONTROLS_ENTRIES = 1000
"""The maximum total length of lists in an account's controls, which are cached with the account."""


class InvalidRuleSetError(TxPlatformError):
    """Raised for an invalid rule set or invalid account controls.

    Attributes:
        problems: One message per problem, such as `rules[3].window_minutes: …`.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__(
            "The rules cannot be used.",
            why=" ".join(problems),
            next_step="Correct each problem; docs/rules.md lists every rule and parameter.",
        )
        self.problems = tuple(problems)


@dataclasses.dataclass(frozen=True)
class RuleSetForm:
    """A rule set, identified by its name and version.

    Attributes:
        name: Lower case letters, digits and hyphens.
        version: Counted from 1; every change is a new version.
        description: One line about the rule set.
        hold_days: Days after which holds expire.
        rules: In order of evaluation. A decline lists reasons with the same code in this order.
    """

    name: str
    version: int
    description: str = ""
    hold_days: HoldDays = USUAL_HOLD_DAYS
    rules: tuple[JsonObject, ...] = ()


@dataclasses.dataclass(frozen=True)
class _ControlsForm:
    rules: tuple[JsonObject, ...] = ()


_RULESET = strict_adapter(RuleSetForm)
_CONTROLS = strict_adapter(_ControlsForm)


def parse_ruleset(data: bytes) -> RuleSet:
    """Parse a rule set from a request body or a file.

    Raises:
        NotJsonError: The bytes are not JSON, or a key is repeated.
        InvalidRuleSetError: The rule set is invalid, or its name or description holds a card
            number. The parameters of rules are codes, or ids of merchants, which may look alike.
    """
    ruleset = ruleset_from_json(parse_strict_json(data))
    problems = []
    for field in ("name", "description"):
        try:
            refuse_card_number(getattr(ruleset, field))
        except ValueError as error:
            problems.append(f"{field}: {error}.")
    if problems:
        raise InvalidRuleSetError(problems)
    return ruleset


def ruleset_from_json(value: Any) -> RuleSet:
    """Make a rule set from a parsed JSON value.

    Raises:
        InvalidRuleSetError: The rule set is invalid.
    """
    form, rules = _read(_RULESET, value)
    return _make(lambda: RuleSet(form.name, form.version, form.description, rules, form.hold_days))


def controls_from_json(value: Any) -> Controls:
    """Make an account's controls from a parsed JSON value, `{"rules": […]}`.

    Raises:
        InvalidRuleSetError: The controls are invalid, or their lists have too many entries.
    """
    parameters = [
        each for rule in _listed(value) if isinstance(rule, dict) for each in rule.values()
    ]
    entries = sum(len(each) for each in parameters if isinstance(each, list))
    if entries > MAX_CONTROLS_ENTRIES:
        problem = (
            f"rules: have lists with {entries} entries in total, too many for one account; "
            f"use at most {MAX_CONTROLS_ENTRIES}, or ranges of categories, or a rule set."
        )
        raise InvalidRuleSetError([problem])
    _, parsed = _read(_CONTROLS, value)
    return _make(lambda: Controls(parsed))


def ruleset_to_json(ruleset: RuleSet) -> JsonObject:
    """Return a rule set as a JSON value; the inverse of `ruleset_from_json`."""
    hold_days = ruleset.hold_days
    return {
        "name": ruleset.name,
        "version": ruleset.version,
        **({"description": ruleset.description} if ruleset.description else {}),
        "hold_days": {
            "default": hold_days.default,
            "by_category": [parameters_to_stored(hold) for hold in hold_days.by_category],
            # Left out if true, like an absent parameter: so that hashes never change.
            **({} if hold_days.extended_by_increments else {"extended_by_increments": False}),
        },
        "rules": [rule_to_stored(rule) for rule in ruleset.rules],
    }


def canonical_json(ruleset: RuleSet) -> bytes:
    """Return the rule set as JSON. Equal rule sets have equal bytes, even in later releases."""
    return orjson.dumps(ruleset_to_json(ruleset), option=orjson.OPT_SORT_KEYS)


def content_hash(ruleset: RuleSet) -> str:
    """Return the hexadecimal SHA-256 of the canonical JSON, including name and version."""
    return hashlib.sha256(canonical_json(ruleset)).hexdigest()


def _read(adapter: TypeAdapter[tuple[T]], value: Any) -> tuple[T, tuple[ConfigurableRule, ...]]:
    listed = _listed(value)
    _make(lambda: check_rule_count(len(listed)))
    problems: list[str] = []
    form = validated(adapter, value, "", problems)
    rules: list[ConfigurableRule] = []
    for index, item in enumerate(listed):
        rule = read_rule(item, f"rules[{index}]", problems)
        if rule is not None:
            rules.append(rule)
        if len(problems) >= MAX_PROBLEMS:
            break
    if problems or form is None:
        raise InvalidRuleSetError(problems)
    return form, tuple(rules)


def _listed(value: Any) -> list[Any]:
    listed = value.get("rules") if isinstance(value, dict) else None
    return listed if isinstance(listed, list) else []


def _make(make: Callable[[], T]) -> T:
    try:
        return make()
    except ParameterError as error:
        raise InvalidRuleSetError([f"{error.field}: {error.problem}"]) from None

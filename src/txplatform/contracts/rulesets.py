"""Parse rule sets and account controls from JSON, and write and hash rule sets as canonical JSON.

The parsers are derived from the rule classes and their parameters, so a new rule needs no change
here. `domain/rules/stored.py` converts rules to JSON values.
"""

import dataclasses
import hashlib
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, TypeVar

import orjson
from pydantic import ConfigDict, TypeAdapter, ValidationError

from txplatform.contracts.codes import COUNTRIES, CURRENCIES
from txplatform.contracts.field_problems import field_problem
from txplatform.contracts.fields import refuse_card_number
from txplatform.contracts.json import parse_strict_json
from txplatform.domain.rules import CONFIGURABLE, ConfigurableRule
from txplatform.domain.rules.codes import CodeList, CountryCodes
from txplatform.domain.rules.parameters import (
    CurrencyCode,
    ParameterError,
    json_name,
    shown,
)
from txplatform.domain.rules.stored import parameters_to_stored, rule_to_stored
from txplatform.domain.rulesets import (
    USUAL_HOLD_DAYS,
    Controls,
    HoldDays,
    RuleSet,
    check_rule_count,
)
from txplatform.errors import TxPlatformError

JsonObject = dict[str, Any]
T = TypeVar("T")

MAX_CONTROLS_ENTRIES = 1000
"""The maximum total length of lists in an account's controls, which are cached with the account."""

_MAX_PROBLEMS = 100
"""The most problems to report, since describing thousands would delay other requests."""

_STRICT = ConfigDict(extra="forbid", strict=True, alias_generator=json_name)


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
    """A rule set, identified by its name and version."""

    name: str
    version: int
    description: str = ""
    hold_days: HoldDays = USUAL_HOLD_DAYS
    rules: tuple[JsonObject, ...] = ()


@dataclasses.dataclass(frozen=True)
class _ControlsForm:
    rules: tuple[JsonObject, ...] = ()


def _adapter(form: type[T]) -> TypeAdapter[tuple[T]]:
    # pydantic takes the configuration from the enclosing type, so wrap the dataclass in a 1-tuple.
    one: Any = tuple[form]  # type: ignore[valid-type]
    return TypeAdapter(one, config=_STRICT)


_RULESET = _adapter(RuleSetForm)
_CONTROLS = _adapter(_ControlsForm)
RULE_ADAPTERS = {rule.RULE: _adapter(rule) for rule in CONFIGURABLE}


def parse_ruleset(data: bytes) -> RuleSet:
    """Parse a rule set from a request body or a file.

    Raises:
        NotJsonError: The bytes are not JSON, or a key is repeated.
        InvalidRuleSetError: The rule set is invalid, or its name looks like a card number.
    """
    ruleset = ruleset_from_json(parse_strict_json(data))
    try:
        refuse_card_number(ruleset.name)
    except ValueError as error:
        raise InvalidRuleSetError([f"name: {error}."]) from None
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
    form = _validated(adapter, value, "", problems)
    rules: list[ConfigurableRule] = []
    for index, item in enumerate(listed):
        rule = _read_rule(item, f"rules[{index}]", problems)
        if rule is not None:
            rules.append(rule)
        if len(problems) >= _MAX_PROBLEMS:
            break
    if problems or form is None:
        raise InvalidRuleSetError(problems)
    return form, tuple(rules)


def _listed(value: Any) -> list[Any]:
    listed = value.get("rules") if isinstance(value, dict) else None
    return listed if isinstance(listed, list) else []


def _read_rule(item: Any, place: str, problems: list[str]) -> ConfigurableRule | None:
    if not isinstance(item, dict):
        return None  # the validation of the form reports it
    name = item.get("rule")
    adapter = RULE_ADAPTERS.get(name) if isinstance(name, str) else None
    if adapter is None:
        what = "is missing" if name is None else f"is {shown(name)}, which is not a rule"
        problems.append(f"{place}.rule: {what}; write one of {', '.join(sorted(RULE_ADAPTERS))}.")
        return None
    parameters = {key: parameter for key, parameter in item.items() if key != "rule"}
    rule = _validated(adapter, parameters, place, problems)
    if rule is not None:
        unknown = islice(_unknown_codes(rule), _MAX_PROBLEMS)
        problems.extend(f"{place}.{problem}" for problem in unknown)
    return rule


def _validated(
    adapter: TypeAdapter[tuple[T]], value: Any, place: str, problems: list[str]
) -> T | None:
    try:
        return adapter.validate_json(orjson.dumps([value]))[0]
    except ValidationError as error:
        if error.error_count() > _MAX_PROBLEMS:
            problems.append(
                f"{place or 'The value'}: has {error.error_count()} problems, too many to list; "
                "compare it with docs/rules.md."
            )
            return None
        for detail in error.errors(include_url=False, include_input=False):
            path = list(detail["loc"][1:])
            problem = f"{field_problem(detail)}."
            cause = detail.get("ctx", {}).get("error")
            if isinstance(cause, ParameterError):
                path.append(cause.field)
                problem = cause.problem
            problems.append(f"{_path(place, path)}: {problem}")
    except TypeError as error:  # orjson cannot encode an integer of more than 64 bits
        problems.append(f"{place or 'The value'}: {error}")
    return None


def _path(place: str, steps: list[int | str]) -> str:
    for step in steps:
        if isinstance(step, int):
            place += f"[{step}]"
        else:
            place += f".{step}" if place else step
    return place or "The value"


def _unknown_codes(rule: ConfigurableRule) -> Iterator[str]:
    """Yield a problem for each well-formed code that is on no list."""
    for field, parameter in rule.PARAMETERS.items():
        name, value = json_name(field), getattr(rule, field)
        kind = parameter.kind if isinstance(parameter, CodeList) else None
        if isinstance(parameter, CurrencyCode) and value is not None and value not in CURRENCIES:
            yield f"{name}: is {value!r}, which is not an ISO 4217 currency."
        elif kind is CountryCodes:
            for country in value:
                if country not in COUNTRIES:
                    yield f"{name}: has {country!r}, which is not an ISO 3166-1 alpha-3 country."


def _make(make: Callable[[], T]) -> T:
    try:
        return make()
    except ParameterError as error:
        raise InvalidRuleSetError([f"{error.field}: {error.problem}"]) from None

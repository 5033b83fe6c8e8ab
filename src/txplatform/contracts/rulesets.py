"""Rule sets and controls as JSON: read strictly, written in one canonical form, hashed.

How a rule is written is said in `domain/rules/stored.py`; what is read follows from the rule's
dataclass and its kinds of parameters, so a new rule needs nothing here.
"""

from __future__ import annotations

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
from txplatform.domain.rules.codes import CodeList, CountryCodes, MerchantIds
from txplatform.domain.rules.parameters import (
    CurrencyCode,
    Parameter,
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
"""What the lists of one account's controls may name in all: every account may have its own, and
they are read and kept where decisions are made.
"""

_MOST_PROBLEMS = 100
"""More at once nobody corrects, and to word each of thousands holds everybody else up."""

_STRICT = ConfigDict(extra="forbid", strict=True, alias_generator=json_name)


class InvalidRuleSetError(TxPlatformError):
    """A rule set or controls that cannot be used.

    Attributes:
        problems: Where and what, one each: `rules[3].window_minutes: …`.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__(
            "The rules cannot be used.",
            why=" ".join(problems),
            next_step="Correct what is named; docs/rules.md lists every rule and parameter.",
        )
        self.problems = tuple(problems)


@dataclasses.dataclass(frozen=True)
class _RuleSetForm:
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


_RULESET = _adapter(_RuleSetForm)
_CONTROLS = _adapter(_ControlsForm)
_RULES = {rule.RULE: _adapter(rule) for rule in CONFIGURABLE}


def parse_ruleset(data: bytes) -> RuleSet:
    """Read a rule set that somebody wrote from JSON.

    Raises:
        NotJsonError: It is not JSON, or a key is repeated.
        InvalidRuleSetError: It is JSON, but not a rule set, or its name is a card number.
    """
    ruleset = ruleset_from_json(parse_strict_json(data))
    try:
        refuse_card_number(ruleset.name)
    except ValueError as error:
        raise InvalidRuleSetError([f"name: {error}."]) from None
    return ruleset


def ruleset_from_json(value: Any) -> RuleSet:
    """Read a rule set from a parsed JSON value, such as one that was stored.

    Raises:
        InvalidRuleSetError: It is not a rule set.
    """
    form, rules = _read(_RULESET, value)
    return _made(lambda: RuleSet(form.name, form.version, form.description, rules, form.hold_days))


def controls_from_json(value: Any) -> Controls:
    """Read an account's controls from a parsed JSON value, `{"rules": […]}`.

    Raises:
        InvalidRuleSetError: They are not controls.
    """
    _check_entries(_listed(value))
    _, rules = _read(_CONTROLS, value)
    return _made(lambda: Controls(rules))


def ruleset_to_json(ruleset: RuleSet) -> JsonObject:
    """The one way to write this rule set; `ruleset_from_json` reads it back."""
    return {
        "name": ruleset.name,
        "version": ruleset.version,
        **({"description": ruleset.description} if ruleset.description else {}),
        "hold_days": {
            "default": ruleset.hold_days.default,
            "by_category": [parameters_to_stored(hold) for hold in ruleset.hold_days.by_category],
        },
        "rules": [rule_to_stored(rule) for rule in ruleset.rules],
    }


def canonical_json(ruleset: RuleSet) -> bytes:
    """The rule set as bytes: equal rule sets, equal bytes, also in later versions."""
    return orjson.dumps(ruleset_to_json(ruleset), option=orjson.OPT_SORT_KEYS)


def content_hash(ruleset: RuleSet) -> str:
    """SHA-256 of the canonical JSON: everything that is in it, name and version too."""
    return hashlib.sha256(canonical_json(ruleset)).hexdigest()


def rule_schemas() -> dict[str, JsonObject]:
    """Return the JSON Schema of each rule, by its name."""
    return {rule.RULE: _rule_schema(rule) for rule in CONFIGURABLE}


def rules_schema() -> JsonObject:
    """Return the JSON Schema of a list of rules; it refers to nothing outside of it."""
    return {"type": "array", "items": {"oneOf": list(rule_schemas().values())}}


def ruleset_schema() -> JsonObject:
    """JSON Schema of a rule set; it refers to nothing outside of it."""
    schema = _whole(TypeAdapter(_RuleSetForm).json_schema())
    del schema["properties"]["hold_days"]["default"]  # in docs/rules.md: it is long
    schema["properties"]["rules"] = rules_schema()
    return {**schema, "title": "RuleSet", "additionalProperties": False}


def _whole(schema: JsonObject) -> JsonObject:
    """A schema with what it refers to put in its place."""
    definitions = schema.get("$defs", {})

    def put(value: Any) -> Any:
        if isinstance(value, list):
            return [put(item) for item in value]
        if not isinstance(value, dict):
            return value
        name = value.get("$ref", "").removeprefix("#/$defs/")
        return {
            **(put(definitions[name]) if name else {}),
            **{key: put(item) for key, item in value.items() if key not in ("$ref", "$defs")},
        }

    whole: JsonObject = put(schema)
    return whole


def _rule_schema(rule: type[ConfigurableRule]) -> JsonObject:
    (schema,) = _whole(_RULES[rule.RULE].json_schema())["prefixItems"]
    return {
        **schema,
        "properties": {"rule": {"const": rule.RULE}, **schema["properties"]},
        "required": ["rule", *schema.get("required", ())],
        "examples": [{"rule": rule.RULE, **rule.EXAMPLE}],
    }


def _check_entries(rules: list[Any]) -> None:
    parameters = (each for rule in rules if isinstance(rule, dict) for each in rule.values())
    entries = sum(len(each) for each in parameters if isinstance(each, list))
    if entries > MAX_CONTROLS_ENTRIES:
        problem = (
            f"rules: have lists of {entries} entries in all, too many for one account; "
            f"write at most {MAX_CONTROLS_ENTRIES}, ranges of categories, or a rule set."
        )
        raise InvalidRuleSetError([problem])


def _read(adapter: TypeAdapter[tuple[T]], value: Any) -> tuple[T, tuple[ConfigurableRule, ...]]:
    listed = _listed(value)
    _made(lambda: check_rule_count(len(listed)))
    problems: list[str] = []
    form = _validated(adapter, value, "", problems)
    rules: list[ConfigurableRule] = []
    for index, item in enumerate(listed):
        rule = _read_rule(item, f"rules[{index}]", problems)
        if rule is not None:
            rules.append(rule)
        if len(problems) >= _MOST_PROBLEMS:
            break
    if problems or form is None:
        raise InvalidRuleSetError(problems)
    return form, tuple(rules)


def _listed(value: Any) -> list[Any]:
    """Return the value in the place of the rules, if it is a list."""
    listed = value.get("rules") if isinstance(value, dict) else None
    return listed if isinstance(listed, list) else []


def _read_rule(item: Any, place: str, problems: list[str]) -> ConfigurableRule | None:
    if not isinstance(item, dict):
        return None  # the form has said so
    name = item.get("rule")
    adapter = _RULES.get(name) if isinstance(name, str) else None
    if adapter is None:
        what = "is missing" if name is None else f"is {shown(name)}, which is no rule"
        problems.append(f"{place}.rule: {what}; write one of {', '.join(sorted(_RULES))}.")
        return None
    parameters = {key: parameter for key, parameter in item.items() if key != "rule"}
    rule = _validated(adapter, parameters, place, problems)
    if rule is not None:
        unknown = islice(_unknown_codes(rule), _MOST_PROBLEMS)
        problems.extend(f"{place}.{problem}" for problem in unknown)
    return rule


def _validated(
    adapter: TypeAdapter[tuple[T]], value: Any, place: str, problems: list[str]
) -> T | None:
    try:
        return adapter.validate_json(orjson.dumps([value]))[0]
    except ValidationError as error:
        if error.error_count() > _MOST_PROBLEMS:
            problems.append(
                f"{place or 'The value'}: has {error.error_count()} problems, too many to name; "
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
    except TypeError as error:  # an integer that no JSON writer here can write
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
    """Yield what has the right form and still stands for nothing."""
    for field, parameter in rule.PARAMETERS.items():
        for problem in _unknown(parameter, getattr(rule, field)):
            yield f"{json_name(field)}{problem}"


def _unknown(parameter: Parameter, value: Any) -> Iterator[str]:
    if isinstance(parameter, CurrencyCode) and value is not None and value not in CURRENCIES:
        yield f": is {value!r}, which is no ISO 4217 currency."
    if isinstance(parameter, CodeList) and parameter.kind is CountryCodes:
        for country in value:
            if country not in COUNTRIES:
                yield f": has {country!r}, which is no ISO 3166-1 alpha-3 country."
    if isinstance(parameter, CodeList) and parameter.kind is MerchantIds:
        for place, merchant in enumerate(value):
            try:
                refuse_card_number(merchant)
            except ValueError as error:
                yield f"[{place}]: {error}."


def _made(make: Callable[[], T]) -> T:
    try:
        return make()
    except ParameterError as error:
        raise InvalidRuleSetError([f"{error.field}: {error.problem}"]) from None

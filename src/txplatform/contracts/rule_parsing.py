"""Read rules and other parts of a rule set from JSON, and name everything that is wrong with them.

The parsers are derived from the rule classes and their parameters, so a new rule needs no change
here.
"""

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, TypeVar

import orjson
from pydantic import ConfigDict, TypeAdapter, ValidationError

from txplatform.contracts.countries import COUNTRIES
from txplatform.contracts.field_problems import invalid_fields
from txplatform.domain.currencies import CURRENCIES
from txplatform.domain.rules import CONFIGURABLE, ConfigurableRule
from txplatform.domain.rules.codes import CodeList, CountryCodes
from txplatform.domain.rules.parameters import (
    CurrencyCode,
    Parameter,
    ParameterError,
    json_name,
)

JsonObject = dict[str, Any]
T = TypeVar("T")

MAX_PROBLEMS = 100
"""The most problems to report, since describing thousands would delay other requests."""

_STRICT = ConfigDict(extra="forbid", strict=True, alias_generator=json_name)


def strict_adapter(form: type[T]) -> TypeAdapter[tuple[T]]:
    """Return an adapter for a list with one value of this class."""
    # pydantic takes the configuration from the enclosing type, so wrap the dataclass in a 1-tuple.
    one: Any = tuple[form]  # type: ignore[valid-type]
    return TypeAdapter(one, config=_STRICT)


RULE_ADAPTERS = {rule.RULE: strict_adapter(rule) for rule in CONFIGURABLE}
_PARAMETERS = {rule.RULE: rule.PARAMETERS for rule in CONFIGURABLE}


def read_rule(item: Any, place: str, problems: list[str]) -> ConfigurableRule | None:
    """Return a rule from its JSON value; None if it is invalid.

    Args:
        item: The JSON value.
        place: Where the rule stands, for the problems.
        problems: Every problem is added to this list.
    """
    if not isinstance(item, dict):
        return None  # the validation of the form reports it
    name = item.get("rule")
    if not isinstance(name, str) or (adapter := RULE_ADAPTERS.get(name)) is None:
        what = "is missing" if name is None else "is not a rule"
        problems.append(f"{place}.rule: {what}; write one of {', '.join(sorted(RULE_ADAPTERS))}.")
        return None
    given = {key: parameter for key, parameter in item.items() if key != "rule"}
    parameters = {json_name(field): each for field, each in _PARAMETERS[name].items()}
    rule = validated(adapter, given, place, problems, parameters)
    if rule is not None:
        unknown = islice(_unlisted_codes(rule, given), MAX_PROBLEMS)
        problems.extend(f"{place}.{problem}" for problem in unknown)
    return rule


def validated(
    adapter: TypeAdapter[tuple[T]],
    value: Any,
    place: str,
    problems: list[str],
    parameters: Mapping[str, Parameter] | None = None,
) -> T | None:
    """Return the value as the adapter's class; None if it is invalid.

    Args:
        adapter: An adapter made by `strict_adapter`.
        value: The JSON value.
        place: Where the value stands, for the problems.
        problems: Every problem is added to this list.
        parameters: The parameters of a rule. Each is checked even if others are no numbers or text.
    """
    try:
        return adapter.validate_json(_to_json([value]))[0]
    except ValidationError as error:
        if error.error_count() > MAX_PROBLEMS:
            problems.append(
                f"{place or 'The value'}: has {error.error_count()} problems, too many to list; "
                "compare it with docs/rules.md."
            )
            return None
        details = error.errors()
    for detail, field in zip(details, invalid_fields(details, [value]), strict=True):
        path = list(field.location[1:])
        cause = detail.get("ctx", {}).get("error")
        if isinstance(cause, ParameterError):
            problems.extend(
                f"{_path(place, [*path, each.field])}: {each.problem}"
                for each in (cause, *cause.others)
            )
        else:
            problems.append(f"{_path(place, path)}: {field.problem}.")
    named = {detail["loc"][1] for detail in details if len(detail["loc"]) > 1}
    for name, parameter in (parameters or {}).items():
        if named and name in value and name not in named:
            problems.extend(
                f"{_path(place, [each.field])}: {each.problem}"
                for each in parameter.problems(name, value[name])
            )
    return None


def _to_json(value: object) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:  # an integer of more than 64 bits, or half a character
        return json.dumps(value).encode()


def _path(place: str, steps: list[int | str]) -> str:
    for step in steps:
        if isinstance(step, int):
            place += f"[{step}]"
        else:
            place += f".{step}" if place else step
    return place or "The value"


def _unlisted_codes(rule: ConfigurableRule, given: JsonObject) -> Iterator[str]:
    """Yield a problem for each well-formed code that is on no list."""
    for field, parameter in rule.PARAMETERS.items():
        name = json_name(field)
        value = given.get(name)
        if isinstance(parameter, CurrencyCode) and value is not None and value not in CURRENCIES:
            yield f"{name}: is not an ISO 4217 currency."
        elif isinstance(parameter, CodeList) and parameter.kind is CountryCodes:
            for place, country in enumerate(value or ()):
                if country not in COUNTRIES:
                    yield f"{name}[{place}]: is not an ISO 3166-1 alpha-3 country."

"""JSON Schemas of rules and rule sets, without `$ref`, so that each can be read alone."""

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from txplatform.contracts.json_schemas import tagged_union
from txplatform.contracts.rule_parsing import RULE_ADAPTERS, JsonObject
from txplatform.contracts.rulesets import RuleSetForm
from txplatform.domain.rules import CONFIGURABLE, ConfigurableRule
from txplatform.domain.rules.codes import CategoryCodes, CodeList, Codes, CountryCodes, MerchantIds
from txplatform.domain.rules.parameters import CurrencyCode, Number, Parameter, json_name
from txplatform.domain.rulesets import (
    MAX_DESCRIPTION,
    MAX_HOLD_DAYS,
    MAX_NAME,
    MAX_RULES,
    MAX_VERSION,
    NAME_FORM,
    CategoryHold,
)

_CODE_FORMS: dict[type[Codes], JsonObject] = {
    CountryCodes: {"pattern": "^[A-Z]{3}$", "maxLength": 3},
    CategoryCodes: {"pattern": "^[0-9]{4}(-[0-9]{4})?$", "maxLength": 9},
    MerchantIds: {"minLength": 1, "maxLength": 64},
}
_MOST_CODES: dict[type[Codes], int] = {CountryCodes: 26**3, CategoryCodes: 10_000}
"""How many codes there can be, as no list names a code twice."""

_CURRENCY_FORM = {"pattern": "^[A-Z]{3}$", "maxLength": 3}


def rule_schemas() -> dict[str, JsonObject]:
    """Return the JSON Schema of each rule, by the rule's name."""
    return {rule.RULE: _rule_schema(rule) for rule in CONFIGURABLE}


def rules_schema() -> JsonObject:
    """Return the JSON Schema of a list of rules."""
    rule = tagged_union("Rule", "A rule with its parameters.", "rule", rule_schemas().values())
    return {"type": "array", "maxItems": MAX_RULES, "items": rule}


def ruleset_schema() -> JsonObject:
    """Return the JSON Schema of a rule set."""
    schema = _without_references(TypeAdapter(RuleSetForm).json_schema())
    fields = schema["properties"]
    fields["name"] |= {"pattern": f"^{NAME_FORM}$", "maxLength": MAX_NAME}
    fields["version"] |= {"minimum": 1, "maximum": MAX_VERSION}
    fields["description"] |= {"maxLength": MAX_DESCRIPTION}
    fields["rules"] = rules_schema()
    hold_days = fields["hold_days"]
    del hold_days["default"]  # long, and documented in docs/rules.md
    hold_days["properties"]["default"] |= {"minimum": 1, "maximum": MAX_HOLD_DAYS}
    _bound(hold_days["properties"]["by_category"]["items"], CategoryHold.PARAMETERS)
    return {**schema, "title": "RuleSet", "additionalProperties": False}


def _without_references(schema: JsonObject) -> JsonObject:
    definitions = schema.get("$defs", {})

    def expand(value: Any) -> Any:
        if isinstance(value, list):
            return [expand(item) for item in value]
        if not isinstance(value, dict):
            return value
        name = value.get("$ref", "").removeprefix("#/$defs/")
        return {
            **(expand(definitions[name]) if name else {}),
            **{key: expand(item) for key, item in value.items() if key not in ("$ref", "$defs")},
        }

    expanded: JsonObject = expand(schema)
    return expanded


def _rule_schema(rule: type[ConfigurableRule]) -> JsonObject:
    (schema,) = _without_references(RULE_ADAPTERS[rule.RULE].json_schema())["prefixItems"]
    _bound(schema, rule.PARAMETERS)
    return {
        **schema,
        "properties": {"rule": {"type": "string", "const": rule.RULE}, **schema["properties"]},
        "required": ["rule", *schema.get("required", ())],
        "examples": [{"rule": rule.RULE, **rule.EXAMPLE}],
    }


def _bound(schema: JsonObject, parameters: Mapping[str, Parameter]) -> None:
    """Add the bounds of parameters to the properties of an object, in place."""
    for field, parameter in parameters.items():
        found = schema["properties"][json_name(field)]
        match parameter:
            case Number():
                found |= {"minimum": parameter.least, "maximum": parameter.most}
            case CodeList():
                found["items"] |= _CODE_FORMS[parameter.kind]
                if parameter.kind in _MOST_CODES:
                    found["maxItems"] = _MOST_CODES[parameter.kind]
                if parameter.if_empty is not None:
                    found["minItems"] = 1
            case CurrencyCode():
                found["anyOf"][0] |= _CURRENCY_FORM

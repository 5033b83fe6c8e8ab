"""JSON Schemas of rules and rule sets, without `$ref`, so that each can be read alone."""

from typing import Any

from pydantic import TypeAdapter

from txplatform.contracts.rule_parsing import RULE_ADAPTERS, JsonObject
from txplatform.contracts.rulesets import RuleSetForm
from txplatform.domain.rules import CONFIGURABLE, ConfigurableRule


def rule_schemas() -> dict[str, JsonObject]:
    """Return the JSON Schema of each rule, by the rule's name."""
    return {rule.RULE: _rule_schema(rule) for rule in CONFIGURABLE}


def rules_schema() -> JsonObject:
    """Return the JSON Schema of a list of rules."""
    return {"type": "array", "items": {"oneOf": list(rule_schemas().values())}}


def ruleset_schema() -> JsonObject:
    """Return the JSON Schema of a rule set."""
    schema = _without_references(TypeAdapter(RuleSetForm).json_schema())
    del schema["properties"]["hold_days"]["default"]  # long, and documented in docs/rules.md
    schema["properties"]["rules"] = rules_schema()
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
    return {
        **schema,
        "properties": {"rule": {"const": rule.RULE}, **schema["properties"]},
        "required": ["rule", *schema.get("required", ())],
        "examples": [{"rule": rule.RULE, **rule.EXAMPLE}],
    }

"""Complete the JSON Schemas that pydantic generates, for readers and for generators of clients."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import orjson
from pydantic import GetJsonSchemaHandler
from pydantic_core import CoreSchema

JsonSchema = dict[str, Any]

_ATTRIBUTES = re.compile(r"\s*^Attributes:\n(?P<fields>.*)\Z", re.MULTILINE | re.DOTALL)
_FIELD = re.compile(r"^    (\w+): (.*(?:\n {5,}.*)*)", re.MULTILINE)
_NAMED = ("properties", "patternProperties", "$defs")
_LISTED = ("anyOf", "oneOf", "allOf", "prefixItems")
_SINGLE = ("items", "additionalProperties", "propertyNames", "not")
_INT64 = 2**63 - 1


class Documented:
    """Adds keywords to the JSON Schema of a type. They are not checked when a value is read.

    For bounds that other code checks with its own error text, or that describing fields are cut to.
    """

    def __init__(self, **keywords: Any) -> None:
        self._keywords = keywords

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchema:
        return {**handler(schema), **self._keywords}


def subschemas(schema: JsonSchema) -> Iterator[JsonSchema]:
    """Yield a schema and every schema within it."""
    yield schema
    for keyword in _NAMED:
        for inner in schema.get(keyword, {}).values():
            yield from subschemas(inner)
    for keyword in _LISTED:
        for inner in schema.get(keyword, ()):
            yield from subschemas(inner)
    for keyword in _SINGLE:
        if isinstance(inner := schema.get(keyword), dict):
            yield from subschemas(inner)


def complete(schema: JsonSchema) -> JsonSchema:
    """Complete a schema and those within it, in place, and return it.

    - Every integer has the format `int64`. Without it, generators of typed languages take 32 bits.
    - Every property has the description of its attribute in the class's docstring, if there is one.
      pydantic uses the whole docstring as the description of the class.
    - A property says its default in its description. From `default`, generators of TypeScript
      conclude that the property is always sent.
    """
    for each in subschemas(schema):
        if each.get("type") == "integer":
            each["format"] = "int64"
            for bound in each.keys() & {"minimum", "maximum"}:  # floats in FastAPI's documents
                each[bound] = min(int(each[bound]), _INT64)
        if isinstance(each.get("properties"), dict):
            _describe(each)
    return schema


def tagged_union(
    title: str, description: str, tag: str, members: Iterable[JsonSchema]
) -> JsonSchema:
    """Return the schema of a union, whose members have different constants in the field `tag`."""
    return {
        "title": title,
        "description": description,
        "oneOf": [*members],
        "discriminator": {"propertyName": tag},
    }


def tagged_by(tag: str) -> Callable[[JsonSchema], None]:
    """Return a function that turns the schema of a union into that of a tagged union, in place."""

    def change(schema: JsonSchema) -> None:
        schema |= {"oneOf": schema.pop("anyOf"), "discriminator": {"propertyName": tag}}

    return change


def _describe(schema: JsonSchema) -> None:
    properties = schema["properties"]
    attributes = _ATTRIBUTES.search(schema.get("description", ""))
    described = {}
    if attributes:
        schema["description"] = schema["description"][: attributes.start()]
        described = {
            attribute.removesuffix("_"): re.sub(r"\bNone\b", "null", " ".join(text.split()))
            for attribute, text in _FIELD.findall(attributes["fields"])  # `_` for Python keywords
        }
    for name, each in properties.items():
        if each.get("title") == name.replace("_", " ").title():
            del each["title"]
        forms = [form for form in each.get("anyOf", ()) if "description" in form]
        if len(forms) == 1 and "$ref" not in forms[0]:
            each.setdefault("description", forms[0].pop("description"))
        if name in described:
            each["description"] = described[name]
        default = each.pop("default", None)
        if default is not None:
            said = f"The default is `{orjson.dumps(default).decode()}`."
            each["description"] = f"{each.get('description', '')} {said}".lstrip()

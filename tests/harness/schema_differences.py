"""Compares the JSON Schema of a class with that of a document, field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

Schema = dict[str, Any]

_BOUNDS = ("minimum", "maximum")


def request_differences(kind: Any, theirs: Schema, definitions: Schema) -> list[str]:
    """Return a sentence for each field that the class would not send as the document asks.

    Args:
        kind: The class.
        theirs: The document's schema.
        definitions: The schemas to which the document's references lead, by name.
    """
    return [*_Comparison(sent=True).differences(_schema(kind), _inlined(theirs, definitions), "")]


def response_differences(kind: Any, theirs: Schema, definitions: Schema) -> list[str]:
    """Return a sentence for each field of the document that the class could not read."""
    return [*_Comparison(sent=False).differences(_schema(kind), _inlined(theirs, definitions), "")]


class _Comparison:
    def __init__(self, *, sent: bool) -> None:
        self._sent = sent

    def differences(self, ours: Schema, theirs: Schema, where: str) -> Iterator[str]:
        """Compare each alternative of the document with ours of the same type."""
        mine = {_type(form): form for form in _forms(ours)}
        for form in _forms(theirs):
            kind = _type(form)
            if kind in mine:
                yield from self._values(mine[kind], form, where)
                yield from self._fields(mine[kind], form, where)
            elif "any" not in mine and not (self._sent and kind == "null"):
                yield f"{where}: {kind} is not among {sorted(mine)}"

    def _values(self, ours: Schema, theirs: Schema, where: str) -> Iterator[str]:
        if "enum" in ours and set(ours["enum"]) != set(_values(theirs)):
            yield f"{where}: {ours['enum']} instead of {_values(theirs)}"
        if theirs.get("format") == "date-time" and ours.get("format") != "date-time":
            yield f"{where}: is no time"
        for bound in _BOUNDS if self._sent else ():
            if ours.get(bound) != theirs.get(bound):
                yield f"{where}: {bound} {ours.get(bound)} instead of {theirs.get(bound)}"
        if "items" in theirs:
            yield from self.differences(ours["items"], theirs["items"], f"{where}[]")

    def _fields(self, ours: Schema, theirs: Schema, where: str) -> Iterator[str]:
        mine, fields = ours.get("properties"), theirs.get("properties")
        if not mine or not fields:
            return  # a mapping on one side
        required, promised = set(ours.get("required", ())), set(theirs.get("required", ()))
        # What must be sent is required of the caller. What is required of a response must come.
        for name in promised - required if self._sent else required - promised:
            yield f"{where}.{name}: is required on one side only"
        for name in mine.keys() - fields.keys() if self._sent else ():
            yield f"{where}.{name}: is not in the document"
        for name, field in fields.items():
            if name in mine:
                yield from self.differences(mine[name], field, f"{where}.{name}")
            else:
                yield f"{where}.{name}: is missing"


def _schema(kind: Any) -> Schema:
    (schema,), components = msgspec.json.schema_components([kind])
    inlined: Schema = _inlined(schema, components)
    return inlined


def _inlined(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """Replace each reference by the schema to which it leads."""
    if isinstance(schema, list):
        return [_inlined(each, definitions) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(definitions[schema["$ref"].rsplit("/", 1)[-1]], definitions)
    return {name: _inlined(each, definitions) for name, each in schema.items()}


def _forms(schema: Schema) -> Iterator[Schema]:
    """Yield the alternatives of a schema."""
    alternatives = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    for each in alternatives:
        yield from _forms(each)
    if not alternatives:
        yield schema


def _values(form: Schema) -> list[Any]:
    return [form["const"]] if "const" in form else form.get("enum", [])


def _type(form: Schema) -> str:
    return str(form.get("type", "string" if _values(form) else "any"))

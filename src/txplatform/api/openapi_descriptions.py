"""Move what a class's docstring says of its attributes to the fields that they describe.

The docstring of a response is written for readers of the code, and pydantic takes the whole of it
as the schema's description. Readers of the schema look for it at the field.
"""

from __future__ import annotations

import re
from typing import Any

_ATTRIBUTES = re.compile(r"\s*^Attributes:\n(?P<fields>.*)\Z", re.MULTILINE | re.DOTALL)
_FIELD = re.compile(r"^    (\w+): (.*(?:\n {5,}.*)*)", re.MULTILINE)


def describe_fields(value: Any) -> None:
    """Move the attributes of every description within this schema to its properties."""
    if isinstance(value, list):
        for item in value:
            describe_fields(item)
    if not isinstance(value, dict):
        return
    properties, description = value.get("properties"), value.get("description")
    if (
        isinstance(properties, dict)
        and isinstance(description, str)
        and (attributes := _ATTRIBUTES.search(description))
    ):
        value["description"] = description[: attributes.start()]
        for attribute, text in _FIELD.findall(attributes["fields"]):
            name = attribute.removesuffix("_")  # where the name alone is a keyword of Python
            if name in properties:  # not what the class makes of the others
                properties[name].setdefault("description", _as_json(text))
    for inner in value.values():
        describe_fields(inner)


def _as_json(text: str) -> str:
    """On one line, and in JSON's words."""
    return re.sub(r"\bNone\b", "null", " ".join(text.split()))

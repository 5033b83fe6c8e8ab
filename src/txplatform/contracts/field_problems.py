"""Error messages for invalid fields, such as `is missing`, to show after the field's name.

pydantic's own messages are not used: they mention inputs and patterns, and change between versions.
"""

from collections.abc import Mapping
from typing import Any

from txplatform.contracts.fields import FORMS

_WORDS = {
    "missing": "is missing",
    "extra_forbidden": "is not known here; leave it out",
    "unexpected_keyword_argument": "is not known here; leave it out",
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "frozen_set_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "dataclass_type": "must be an object",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "enum": "must be {expected}",
    "literal_error": "must be {expected}",
    "string_too_short": "has fewer characters than {min_length}",
    "string_too_long": "has more characters than {max_length}",
    "too_short": "has fewer entries than {min_length}",
    "too_long": "has more entries than {max_length}",
    "value_error": "{error}",
}


def field_problem(error: Mapping[str, Any]) -> str:
    """Return the message for one error of a pydantic ValidationError, without the field's value."""
    context = error.get("ctx", {})
    if error["type"] == "string_pattern_mismatch":
        pattern = context["pattern"]
        return f"must be {FORMS[pattern]}" if pattern in FORMS else f"must match {pattern}"
    words = _WORDS.get(error["type"])
    return error["msg"] if words is None else words.format_map(context)

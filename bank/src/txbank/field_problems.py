"""Describes the problem of a field in words about the field, such as `is missing`.

pydantic's own words mention inputs and patterns. The web bank shows these to its visitors.
"""

from collections.abc import Mapping
from typing import Any

from txbank.fields import FORMS
from txplatform_client import Money, MoneyError

_AMOUNTS = frozenset({"amount", "credit_limit"})
_NO_INTEGER = frozenset({"int_type", "int_from_float"})
_EXAMPLE = 1250

_WORDS = {
    "missing": "is missing",
    "extra_forbidden": "is not known here; leave it out",
    "string_type": "must be text",
    "string_unicode": "has text with half a character (a lone surrogate)",
    "string_too_short": "is empty",
    "string_too_long": "has more characters than {max_length}",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "has too many digits",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "enum": "must be {expected}",
    "literal_error": "must be {expected}",
    "tuple_type": "must be a list",
    "too_short": "is empty",
    "model_type": "must be a group of named fields",
    "model_attributes_type": "must be a group of named fields",
    "value_error": "{error}",
}


def describe(error: Mapping[str, Any], body: object) -> str:
    """Return what is wrong with a field, without its value, which could be a card number.

    Args:
        error: One of pydantic's errors about a request.
        body: The request's body. The example of an amount is in its currency.
    """
    kind, context = error["type"], error.get("ctx", {})
    if kind != "extra_forbidden" and error.get("input", kind) is None:
        return "is missing"
    if kind == "string_pattern_mismatch":
        return f"must be {FORMS.get(context['pattern'], 'of the form in /openapi.json')}"
    if kind in _NO_INTEGER and error["loc"][-1] in _AMOUNTS:
        money = _example(body.get("currency") if isinstance(body, dict) else None)
        return f"{_WORDS[kind]} of minor units: {money.amount} {money.currency} is {_EXAMPLE}"
    return _WORDS[kind].format_map(context) if kind in _WORDS else str(error["msg"])


def _example(currency: object) -> Money:
    try:
        return Money(_EXAMPLE, str(currency))
    except MoneyError:
        return Money(_EXAMPLE, "USD")

"""Error messages for invalid fields, such as `is missing`, to show after the field's name.

pydantic's own messages are not used: they mention inputs and patterns, and change between versions.
The messages are about the field. They have no values, which may be card numbers.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from txplatform.contracts.fields import FORMS
from txplatform.contracts.json import Unreadable
from txplatform.domain.currencies import CURRENCIES
from txplatform.errors import TxPlatformError

Model = TypeVar("Model", bound=BaseModel)

CURRENCY_OF = {
    "amount": "currency",
    "credit_limit": "currency",
    "opening_balance": "currency",
    "original_amount": "original_currency",
    "max_amount": "currency",
}
"""The fields that are amounts, and for each the field beside it that has its currency."""

_EXAMPLE_AMOUNT = 1250
_EXAMPLE_CURRENCY = "USD"
_UNKNOWN_FIELD = "extra_forbidden"
_NO_NUMBER = frozenset({"int_type", "int_from_float", "int_parsing"})

_HALF_A_CHARACTER = "has text with half a character (a lone surrogate)"
WORDS = {
    "missing": "is missing",
    _UNKNOWN_FIELD: "is not known here; leave it out",
    "unexpected_keyword_argument": "is not known here; leave it out",
    "string_type": "must be text",
    "string_unicode": _HALF_A_CHARACTER,
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "is a number that is too large",
    "int_from_float": "must be a whole number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "frozen_set_type": "must be a list",
    "dict_type": "must be a group of named fields",
    "model_type": "must be a group of named fields",
    "model_attributes_type": "must be a group of named fields",
    "dataclass_type": "must be a group of named fields",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "enum": "must be {expected}",
    "literal_error": "must be {expected}",
    "string_too_short": "has fewer characters than {min_length}",
    "string_too_long": "has more characters than {max_length}",
    "too_short": "has fewer entries than {min_length}",
    "too_long": "has more entries than {max_length}",
    "value_error": "{error}",
    "json_invalid": _HALF_A_CHARACTER,
}


@dataclass(frozen=True, slots=True)
class InvalidField:
    """A field that is missing, unknown or invalid.

    Attributes:
        location: The names and indexes that lead to the field.
        problem: What is wrong with the field, without its value.
    """

    location: tuple[str | int, ...]
    problem: str


class InvalidFieldsError(TxPlatformError):
    """A body has fields that are missing, unknown or invalid."""

    def __init__(self, fields: Iterable[InvalidField]) -> None:
        self.fields = tuple(fields)
        super().__init__("The body has fields that are missing, unknown or invalid.")


def validate(model: type[Model], body: object) -> Model:
    """Make a model from a parsed body.

    Raises:
        InvalidFieldsError: The body has fields that are missing, unknown or invalid.
    """
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise InvalidFieldsError(invalid_fields(error.errors(), body)) from None


def invalid_fields(errors: Iterable[Mapping[str, Any]], body: object) -> list[InvalidField]:
    """Return the invalid fields that pydantic's errors about a body name."""
    return [
        InvalidField(tuple(error["loc"]), _problem(error, _currency(body, error["loc"])))
        for error in errors
    ]


def _currency(body: object, location: Sequence[str | int]) -> str | None:
    """Return the currency of an amount; None for another field."""
    if not location or (name := CURRENCY_OF.get(str(location[-1]))) is None:
        return None
    for step in location[:-1]:
        match body, step:
            case dict(), str():
                body = body.get(step)
            case list(), int():
                body = body[step]
    code = body.get(name) if isinstance(body, dict) else None
    return code if isinstance(code, str) and code in CURRENCIES else _EXAMPLE_CURRENCY


def _problem(error: Mapping[str, Any], currency: str | None) -> str:
    kind, context = error["type"], error.get("ctx", {})
    sent = error.get("input", kind)
    if error["loc"] and sent is None:
        return "is missing"
    if isinstance(sent, Unreadable) and kind != _UNKNOWN_FIELD:
        return sent.problem
    if kind == "string_pattern_mismatch":
        pattern = context["pattern"]
        return f"must be {FORMS[pattern]}" if pattern in FORMS else f"must match {pattern}"
    if kind in _NO_NUMBER and currency is not None:
        exponent = CURRENCIES[currency].exponent
        return (
            "must be a whole number of minor units: "
            f"{_EXAMPLE_AMOUNT / 10**exponent:.{exponent}f} {currency} is {_EXAMPLE_AMOUNT}"
        )
    if kind == "string_too_short" and context["min_length"] == 1:
        return "is empty"
    return WORDS.get(kind, "is not valid").format_map(context)

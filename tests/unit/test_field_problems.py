"""Messages about invalid fields, for API callers and other teams."""

from __future__ import annotations

from typing import Any

import pytest
from annotated_types import Le
from pydantic import BaseModel

from harness.api import purchase
from harness.inbound import presentment
from txplatform.api.validation_problems import validation_problem
from txplatform.contracts.body import Body, RequestBody
from txplatform.contracts.clearing_batch import ClearingBatchBody, ClearingBatchRequest
from txplatform.contracts.field_problems import (
    CURRENCY_OF,
    WORDS,
    InvalidFieldsError,
    invalid_fields,
    validate,
)
from txplatform.contracts.fields import FORMS
from txplatform.contracts.messages import (
    INBOUND,
    AccountStatusChangedMessage,
    PresentmentReceivedMessage,
)
from txplatform.contracts.process_transaction import ProcessTransactionRequest
from txplatform.contracts.rule_parsing import RULE_ADAPTERS
from txplatform.domain.money import MAX_AMOUNT

PURCHASE = purchase("tx-1", "acc-1", 1250)
WHOLE = "must be a whole number of minor units"
CHANGE: dict[str, Any] = {
    "account_id": "acc-1",
    "status": "frozen",
    "reason": "lost card",
    "status_version": 1,
    "changed_at": "2026-11-20T10:15:00Z",
}


def problems(model: type[BaseModel], body: object) -> dict[str, str]:
    """Return the message for each invalid field, by JSON pointer."""
    with pytest.raises(InvalidFieldsError) as refused:
        validate(model, body)
    return {
        each["pointer"]: each["message"] for each in validation_problem(refused.value.fields).errors
    }


@pytest.mark.parametrize(
    ("change", "pointer", "message"),
    [
        ({"amount": 12.5}, "/amount", f"{WHOLE}: 12.50 USD is 1250"),
        ({"amount": "12"}, "/amount", f"{WHOLE}: 12.50 USD is 1250"),
        ({"amount": True, "currency": "JPY"}, "/amount", f"{WHOLE}: 1250 JPY is 1250"),
        ({"amount": 1.5, "currency": "KWD"}, "/amount", f"{WHOLE}: 1.250 KWD is 1250"),
        (
            {"original_amount": 1.5, "original_currency": "EUR"},
            "/original_amount",
            f"{WHOLE}: 12.50 EUR is 1250",
        ),
        (
            {"original_amount": 1.5, "original_currency": "ABC"},
            "/original_amount",
            f"{WHOLE}: 12.50 USD is 1250",
        ),
        ({"original_amount": 1.5}, "/original_amount", f"{WHOLE}: 12.50 USD is 1250"),
        ({"amount": None}, "/amount", "is missing"),
        ({"amount": -1}, "/amount", "must be at least 0"),
        ({"amount": 10**18}, "/amount", "must be at most 999999999999999"),
        ({"currency": 978}, "/currency", "must be text"),
        ({"currency": "usd"}, "/currency", "must be three capital letters"),
        (
            {"transaction_id": "\ud800"},
            "/transaction_id",
            "has text with half a character (a lone surrogate)",
        ),
        ({"currency": "XXQ"}, "/currency", "is not an ISO 4217 currency code"),
        (
            {"transaction_id": "a b"},
            "/transaction_id",
            "must be 1 to 64 letters A to Z or a to z, digits and . _ : -",
        ),
        ({"merchant": []}, "/merchant", "must be a group of named fields"),
        ({"note": "x"}, "/note", "is not known here; leave it out"),
        (
            {"occurred_at": "today"},
            "/occurred_at",
            "is not an RFC 3339 time with an offset, such as 2026-11-20T10:15:00Z",
        ),
        (
            {"merchant": PURCHASE["merchant"] | {"category_code": "12a"}},
            "/merchant/category_code",
            "must be four digits",
        ),
        (
            {"merchant": PURCHASE["merchant"] | {"name": " "}},
            "/merchant/name",
            "is empty",
        ),
        (
            {"merchant": PURCHASE["merchant"] | {"name": "Shop 4111 1111 1111 1111"}},
            "/merchant/name",
            "holds a card number; send a token instead",
        ),
        (
            {"reference": "x" * 65},
            "/reference",
            "must be 1 to 64 printable characters",
        ),
        (
            {"metadata": {"a": 1}},
            "/metadata",
            (
                "must be at most 20 named texts: names of 1 to 40 characters, texts of at most 500 "
                "characters, together at most 4096 bytes, and no card numbers"
            ),
        ),
    ],
)
def test_the_message_says_what_an_invalid_field_must_be(
    change: dict[str, Any], pointer: str, message: str
) -> None:
    assert problems(ProcessTransactionRequest, PURCHASE | change) == {pointer: message}


def test_a_missing_field_and_a_body_that_is_no_object_are_reported() -> None:
    without = {name: value for name, value in PURCHASE.items() if name != "merchant"}
    assert problems(ProcessTransactionRequest, without) == {"/merchant": "is missing"}
    assert problems(ProcessTransactionRequest, [1]) == {"": "must be a group of named fields"}
    assert problems(ProcessTransactionRequest, None) == {"": "must be a group of named fields"}


def test_the_example_of_an_amount_is_in_the_currency_of_its_item() -> None:
    item = {"clearing_id": "c", "account_id": "a", "amount": 1.5, "currency": "EUR"}
    assert problems(ClearingBatchRequest, {"items": [item]}) == {
        "/items/0/amount": f"{WHOLE}: 12.50 EUR is 1250"
    }


def test_every_amount_of_a_body_has_the_example() -> None:
    amounts = {
        name
        for body in (*Body.__subclasses__(), *RequestBody.__subclasses__(), *INBOUND.values())
        for name, field in body.model_fields.items()
        if Le(MAX_AMOUNT) in field.metadata or str(MAX_AMOUNT) in str(field.annotation)
    }
    assert amounts
    assert not amounts - CURRENCY_OF.keys()


PRESENTMENT = presentment("c", 0)


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({**PRESENTMENT, "final": "yes"}, {"/final"}),
        ({**PRESENTMENT, "direction": None}, {"/direction"}),
        ({**PRESENTMENT, "direction": "sideways"}, {"/direction"}),
        ({**PRESENTMENT, "reverses_clearing_id": 5}, {"/reverses_clearing_id"}),
        ({**PRESENTMENT, "final": "yes", "direction": "credit"}, {"/final", "/amount"}),
        ({**PRESENTMENT, "reverses_clearing_id": "d"}, {"/amount"}),
    ],
)
def test_amount_0_is_wrong_only_beside_a_field_that_is_read_and_says_so(
    body: dict[str, Any], fields: set[str]
) -> None:
    """A field that cannot be read is the only error."""
    assert problems(PresentmentReceivedMessage, body).keys() == fields


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ({}, "must be a list"),
        ([], "has fewer entries than 1"),
        ([0] * 1001, "has more entries than 1000"),
    ],
)
def test_the_message_for_a_list_of_wrong_length_has_its_bound(items: object, message: str) -> None:
    assert problems(ClearingBatchBody, {"items": items}) == {"/items": message}


def test_the_message_for_an_unknown_value_lists_the_known_values() -> None:
    assert problems(AccountStatusChangedMessage, CHANGE | {"status": "asleep"}) == {
        "/status": "must be 'active', 'frozen' or 'closed'"
    }


def kinds(schema: object) -> set[str]:
    """Return the kinds of values within a schema of pydantic."""
    if isinstance(schema, list | tuple):
        return set().union(*map(kinds, schema))
    if not isinstance(schema, dict):
        return set()
    own = {schema["type"]} if isinstance(schema.get("type"), str) else set()
    parts = (part for name, part in schema.items() if name not in {"metadata", "serialization"})
    return own.union(*map(kinds, parts))


ERRORS = {
    "bool": "bool_type bool_parsing",
    "dataclass": "dataclass_type",
    "dataclass-args": "missing unexpected_keyword_argument dataclass_type",
    "dict": "dict_type",
    "enum": "enum",
    "function-after": "value_error",
    "function-before": "value_error",
    "function-wrap": "value_error",
    "int": "int_type int_parsing int_parsing_size int_from_float greater_than_equal "
    "less_than_equal",
    "list": "list_type too_short too_long",
    "literal": "literal_error",
    "model": "model_type model_attributes_type",
    "model-fields": "missing extra_forbidden model_type model_attributes_type",
    "str": "string_type string_unicode string_too_short string_too_long",  # patterns are in FORMS
    "tuple": "tuple_type missing too_short too_long",
}
"""The errors that pydantic can raise for each kind of value in a body."""

NO_ERRORS = {
    *("any", "nullable", "default", "definitions", "definition-ref"),
    *("model-field", "dataclass-field", "no-info", "with-info"),
    "datetime",  # a validator before it makes it
}


def test_every_error_that_a_body_can_cause_has_words() -> None:
    bodies = [*Body.__subclasses__(), *RequestBody.__subclasses__(), *INBOUND.values()]
    schemas = [body.__pydantic_core_schema__ for body in bodies]
    schemas += [adapter.core_schema for adapter in RULE_ADAPTERS.values()]
    found = set().union(*map(kinds, schemas))
    assert found - NO_ERRORS <= ERRORS.keys(), "name the errors of these kinds"
    raised = {error for kind in found - NO_ERRORS for error in ERRORS[kind].split()}
    assert raised <= WORDS.keys()


def test_an_error_without_words_is_not_described_in_those_of_pydantic() -> None:
    error = {"type": "new_kind", "loc": ("a",), "msg": "Input should be 4111", "input": "4111"}
    (field,) = invalid_fields([error], {"a": "4111"})
    assert field.problem == "is not valid"


def patterns(schema: object) -> set[str]:
    """Return every pattern that a schema of pydantic checks."""
    if isinstance(schema, list):
        return set().union(*map(patterns, schema))
    if not isinstance(schema, dict):
        return set()
    own = {schema["pattern"]} if isinstance(schema.get("pattern"), str) else set()
    return own.union(*map(patterns, schema.values()))


def test_every_pattern_of_a_field_is_described_in_words() -> None:
    """Messages contain these words instead of the regular expression."""
    bodies = [*Body.__subclasses__(), *RequestBody.__subclasses__(), *INBOUND.values()]
    found = set().union(*(patterns(body.__pydantic_core_schema__) for body in bodies))
    assert found
    assert not found - FORMS.keys(), "describe these patterns in FORMS (contracts/fields.py)"

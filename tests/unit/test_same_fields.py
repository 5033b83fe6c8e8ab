"""Values and responses built from the same-named fields of other objects."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from txplatform.contracts.accounts import OpenAccountRequest
from txplatform.contracts.process_transaction import ProcessTransactionRequest
from txplatform.contracts.same_fields import from_same_fields
from txplatform.domain.requests import Merchant, Opening, Purchase

AT = datetime(2026, 11, 20, 10, 15, tzinfo=UTC)


@dataclass(frozen=True)
class _Point:
    x: int
    y: int


@dataclass(frozen=True)
class _Place:
    x: int
    name: str


@dataclass(frozen=True)
class _Shown:
    x: int
    y: int
    name: str


def test_a_field_comes_from_the_first_object_that_has_it_unless_it_is_given() -> None:
    point, place = _Point(1, 2), _Place(3, "here")
    assert from_same_fields(_Shown, point, place) == _Shown(1, 2, "here")
    assert from_same_fields(_Shown, place, point) == _Shown(3, 2, "here")
    assert from_same_fields(_Shown, point, name="there") == _Shown(1, 2, "there")


def test_missing_and_unknown_fields_are_errors() -> None:
    with pytest.raises(TypeError, match="name"):
        from_same_fields(_Shown, _Point(1, 2))
    with pytest.raises(TypeError, match="color"):
        from_same_fields(_Shown, _Point(1, 2), name="here", color="red")


def test_a_request_is_converted_to_a_value_with_nested_values() -> None:
    request = ProcessTransactionRequest.model_validate(
        {
            "transaction_id": "tx-1",
            "account_id": "acc-1",
            "amount": 5,
            "currency": "USD",
            "merchant": {"id": "m", "name": "Shop", "category_code": "5942", "country": "USA"},
            "occurred_at": "2026-11-20T10:15:00Z",
        }
    )
    purchase = request.to_value(Purchase)
    assert (purchase.transaction_id, purchase.amount, purchase.occurred_at) == ("tx-1", 5, AT)
    assert purchase.merchant == Merchant("m", "Shop", "5942", "USA")
    assert (purchase.original_amount, purchase.original_currency) == (None, None)


def test_a_request_whose_fields_differ_from_the_value_is_an_error() -> None:
    request = OpenAccountRequest(account_id="acc-1", currency="USD", credit_limit=5)
    assert request.to_value(Opening).credit_limit == 5
    with pytest.raises(TypeError):
        request.to_value(Opening, transaction_id="tx-1")
    with pytest.raises(TypeError):
        request.to_value(Purchase)

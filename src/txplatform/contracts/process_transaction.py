"""The request body of `POST /v1/process-transaction`."""

from typing import Annotated, ClassVar

from pydantic import Field, JsonValue, ValidationError

from txplatform.contracts.body import RequestBody, with_example
from txplatform.contracts.clean_purchase import parse_clean_purchase
from txplatform.contracts.field_problems import validate
from txplatform.contracts.fields import (
    AmountOrZero,
    CategoryCode,
    CountryCode,
    CurrencyCode,
    Identifier,
    MerchantId,
    MerchantName,
    Metadata,
    OriginalCurrencyCode,
    Reference,
    UtcTime,
    idempotency_key,
)
from txplatform.contracts.json import (
    REPEATED,
    NotJsonError,
    parse_strict_json,
    repeats_a_key,
)
from txplatform.domain.requests import Merchant, Purchase

EXAMPLE: dict[str, JsonValue] = {
    "transaction_id": "tx-1001",
    "account_id": "acc-1",
    "amount": 1250,
    "currency": "USD",
    "merchant": {
        "id": "m-17",
        "name": "Corner Books",
        "category_code": "5942",
        "country": "USA",
    },
    "original_amount": 1150,
    "original_currency": "EUR",
    "occurred_at": "2026-11-20T10:15:00Z",
    "reference": "order-77",
    "metadata": {"terminal": "T-4"},
}


class MerchantFields(RequestBody):
    """The merchant where the card is used. Null or absent means unknown."""

    VALUE: ClassVar = Merchant

    id: MerchantId | None = None
    name: MerchantName
    category_code: CategoryCode | None = None
    country: CountryCode | None = None


class ProcessTransactionRequest(RequestBody):
    """A purchase to authorize."""

    model_config = with_example(**EXAMPLE)

    transaction_id: Annotated[
        Identifier,
        idempotency_key("tx-1001"),
        Field(description="The idempotency key, unique within the account; never expires."),
    ]
    account_id: Identifier
    amount: Annotated[
        AmountOrZero,
        Field(description="Cardholder billing amount, minor units; 0 verifies the account."),
    ]
    currency: CurrencyCode
    merchant: MerchantFields
    original_amount: Annotated[
        AmountOrZero | None,
        Field(description="The merchant's price, minor units of `original_currency`."),
    ] = None
    original_currency: OriginalCurrencyCode | None = None
    occurred_at: Annotated[UtcTime | None, Field(description="The merchant's timestamp.")] = None
    reference: Reference | None = None
    metadata: Metadata = None


def parse_process_transaction(body: bytes) -> Purchase:
    """Parse a purchase from a request body.

    Raises:
        NotJsonError: The body is not JSON, or a key is repeated.
        InvalidFieldsError: The body is JSON, but not a valid purchase.
    """
    return parse_clean_purchase(body) or parse_by_model(body)


def parse_by_model(body: bytes) -> Purchase:
    """Parse a purchase as `parse_process_transaction`, but slower."""
    try:
        request = ProcessTransactionRequest.model_validate_json(body)
    except ValidationError:
        # Slower, but accepts 1250.0 as an integer and says precisely what is wrong.
        request = validate(ProcessTransactionRequest, parse_strict_json(body))
    distinct = len(request.model_fields_set) + len(request.merchant.model_fields_set)
    if repeats_a_key(body, distinct + len(request.metadata or ())):
        raise NotJsonError(REPEATED)
    return request.to_value(Purchase)

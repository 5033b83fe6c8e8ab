"""The field types of docs/contracts.md. They are strict: `"5"` is not accepted as a number."""

import re
from collections.abc import Container
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from txplatform.domain.currencies import CURRENCIES
from txplatform.domain.money import MAX_AMOUNT

_RFC3339 = re.compile(
    r"(\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2})(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)
_CARD_DIGITS = range(13, 20)
_SEPARATORS = str.maketrans("", "", "._:-")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def refuse_card_number(value: str) -> str:
    """Return a value unless it looks like a card number (ISO/IEC 7812: 13 to 19 digits, Luhn).

    Raises:
        ValueError: The value looks like a card number. The message omits the value.
    """
    if len(value) < _CARD_DIGITS.start:
        return value
    digits = value.translate(_SEPARATORS)
    if digits.isdecimal() and len(digits) in _CARD_DIGITS and _passes_luhn(digits):
        raise ValueError("looks like a card number; send a token instead")
    return value


def _passes_luhn(digits: str) -> bool:
    odd = sum(int(digit) for digit in digits[-1::-2])
    even = sum(sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (odd + even) % 10 == 0


def _one_of(codes: Container[str], what: str) -> AfterValidator:
    def check(value: str) -> str:
        if value not in codes:
            raise ValueError(f"is not {what}")
        return value

    return AfterValidator(check)


def _plain_text(value: str) -> str:
    if _CONTROL.search(value):
        raise ValueError("has control characters")
    return value


def _rfc3339(value: object) -> object:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or (parts := _RFC3339.fullmatch(value)) is None:
        raise ValueError("is not an RFC 3339 time with an offset, such as 2026-11-20T10:15:00Z")
    time, fraction, offset = parts.groups()
    # Python parses at most six decimals; the rest is cut off.
    return datetime.fromisoformat(f"{time}{(fraction or '')[:7]}{offset}".upper())


def _to_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("is outside the years 1 to 9999 in UTC") from None


_ID = r"^[A-Za-z0-9._:-]{1,64}$"
_ALPHA_3 = r"^[A-Z]{3}$"
_CATEGORY = r"^[0-9]{4}$"

FORMS = {
    _ID: "1 to 64 letters A to Z or a to z, digits and . _ : -",
    _ALPHA_3: "three capital letters",
    _CATEGORY: "four digits",
}
"""The patterns in words, for problem texts."""

Identifier = Annotated[
    str,
    StringConstraints(strict=True, pattern=_ID),
    AfterValidator(refuse_card_number),
    Field(description="Letters, digits and `.` `_` `:` `-`.", examples=["tx-1001"]),
]


IDEMPOTENCY_KEY = {"x-idempotency-key": True}
"""Marks the field in the JSON Schema of a body that is the idempotency key."""


def idempotency_key(example: str) -> Any:
    """Return the description of a field that is an idempotency key."""
    return Field(
        description="The idempotency key; never expires.",
        examples=[example],
        json_schema_extra=dict(IDEMPOTENCY_KEY),
    )


CurrencyCode = Annotated[
    str,
    StringConstraints(strict=True, pattern=_ALPHA_3),
    _one_of(CURRENCIES, "an ISO 4217 currency code"),
    Field(description="ISO 4217 currency code.", examples=["USD"]),
]

OriginalCurrencyCode = Annotated[
    str,
    StringConstraints(strict=True, strip_whitespace=True, pattern=_ALPHA_3),
    Field(description="A currency code of three capital letters.", examples=["EUR"]),
]
"""A well-formed code. It need not be listed, since merchants still use withdrawn currencies."""

MerchantId = Annotated[
    str,
    StringConstraints(strict=True, strip_whitespace=True, min_length=1, max_length=64),
    AfterValidator(_plain_text),
    Field(description="The id assigned by the acquirer.", examples=["m-17"]),
]
"""Not checked for card numbers, since numeric acceptor ids look alike."""

CountryCode = Annotated[
    str,
    StringConstraints(strict=True, strip_whitespace=True, pattern=_ALPHA_3),
    Field(description="ISO 3166-1 alpha-3 country code.", examples=["USA"]),
]
"""A well-formed code. It need not be listed, since card schemes use codes of their own."""

CategoryCode = Annotated[
    str,
    StringConstraints(strict=True, strip_whitespace=True, pattern=_CATEGORY),
    Field(description="ISO 18245 merchant category code.", examples=["5942"]),
]


def _amount(at_least: int, example: int) -> Any:
    return Field(
        strict=True,
        ge=at_least,
        le=MAX_AMOUNT,
        description="Minor units of the currency.",
        examples=[example],
    )


Amount = Annotated[int, _amount(1, 1250)]

AmountOrZero = Annotated[int, _amount(0, 500000)]

OpeningBalance = Annotated[
    int,
    BeforeValidator(lambda value: 0 if value is None else value, json_schema_input_type=int | None),
    Field(
        strict=True,
        description="What is owed at the opening, minor units; negative after an overpayment. "
        "Null or absent is 0. It may exceed the limit.",
        examples=[19400],
    ),
]

Version = Annotated[int, Field(strict=True, ge=1, le=2**53 - 1, examples=[3])]
"""The accounts team's version number for a limit or status. The opening has version 0."""

FreeText = Annotated[
    str,
    StringConstraints(strict=True, strip_whitespace=True, min_length=1, max_length=200),
    AfterValidator(_plain_text),
    Field(description="Text for people, without control characters."),
]

UtcTime = Annotated[
    datetime,
    BeforeValidator(_rfc3339, json_schema_input_type=str),
    AfterValidator(_to_utc),
    Field(
        description="RFC 3339 with an offset.",
        examples=["2026-11-20T10:15:00Z"],
        json_schema_extra={"type": "string", "format": "date-time"},
    ),
]
"""A time with an offset, converted to UTC with microseconds."""

"""The field types of docs/contracts.md. They are strict: `"5"` is not accepted as a number.

Card numbers are refused in the types for requests (`Identifier`, `BodyIdentifier`, `FreeText`,
`Reference`, `Metadata`). `UrlId` and `BodyId` are the forms of ids alone, for advices and reads.
"""

import re
from collections.abc import Container
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from txplatform.contracts.card_numbers import holds_card_number
from txplatform.contracts.cleaning import (
    MAX_ID,
    MAX_METADATA_BYTES,
    MAX_METADATA_KEY,
    MAX_METADATA_KEYS,
    MAX_METADATA_VALUE,
    MAX_TEXT,
    NOT_IN_URLS,
    URL_ID_FORM,
    clean_merchant_id,
    clean_metadata,
    plain,
    read_time,
)
from txplatform.contracts.json_schemas import Documented
from txplatform.domain.currencies import CURRENCIES
from txplatform.domain.money import MAX_AMOUNT, MAX_BALANCE

BLANK = " "
"""It may surround an id, but is not part of it."""
_RFC3339 = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)


def refuse_card_number(value: str) -> str:
    """Return a value unless it is or contains a card number.

    Raises:
        ValueError: The value holds a card number. The message omits the value.
    """
    if holds_card_number(value):
        raise ValueError("holds a card number; send a token instead")
    return value


def _url_id(value: str) -> str:
    value = value.strip(BLANK)
    if value in NOT_IN_URLS:
        raise ValueError("must not be . or .., which have a meaning in URLs")
    return value


def _body_id(value: str) -> str:
    value = value.strip(BLANK)
    if not 1 <= len(value) <= MAX_ID or not value.isprintable():
        raise ValueError(f"must be 1 to {MAX_ID} printable characters")
    return value


def null_as(default: object, kind: Any) -> BeforeValidator:
    """Let null mean the same as an absent field of this type, which has this default."""
    return BeforeValidator(
        lambda value: default if value is None else value, json_schema_input_type=kind | None
    )


def _one_of(codes: Container[str], what: str) -> AfterValidator:
    def check(value: str) -> str:
        if value not in codes:
            raise ValueError(f"is not {what}")
        return value

    return AfterValidator(check)


def _plain_text(value: str) -> str:
    if plain(value) != value:
        raise ValueError("has control characters")
    return refuse_card_number(value)


def _merchant_name(value: str) -> str:
    value = refuse_card_number(plain(value))[:MAX_TEXT].rstrip()
    if not value:
        raise ValueError("is empty")
    return value


def _merchant_id(value: str) -> str | None:
    cleaned: str | None = clean_merchant_id(value).value
    return cleaned


def _reference(value: str) -> str | None:
    return refuse_card_number(_body_id(value)) if value.strip(BLANK) else None


def _rfc3339(value: object) -> object:
    if isinstance(value, datetime):
        return value
    time = read_time(value) if isinstance(value, str) and _RFC3339.fullmatch(value) else None
    if time is None:
        raise ValueError("is not an RFC 3339 time with an offset, such as 2026-11-20T10:15:00Z")
    return time


def _metadata(value: object) -> object:
    """Refuse metadata of which cleaning would lose something."""
    cleaned = clean_metadata(value)
    if not cleaned.complete:
        raise ValueError(
            f"must be at most {MAX_METADATA_KEYS} named texts: names of 1 to {MAX_METADATA_KEY} "
            f"characters, texts of at most {MAX_METADATA_VALUE} characters, together at most "
            f"{MAX_METADATA_BYTES} bytes, and no card numbers"
        )
    return cleaned.value


_URL_ID = f"^ *{URL_ID_FORM} *$"
_ALPHA_3 = r"^[A-Z]{3}$"
_CATEGORY = r"^[0-9]{4}$"

FORMS = {
    _URL_ID: "1 to 64 letters A to Z or a to z, digits and . _ : -",
    _ALPHA_3: "three capital letters",
    _CATEGORY: "four digits",
}
"""The patterns in words, for problem texts."""

UrlId = Annotated[
    str,
    StringConstraints(strict=True, pattern=_URL_ID),
    AfterValidator(_url_id),
    Documented(pattern=f"^{URL_ID_FORM}$", maxLength=MAX_ID),
    Field(description="Letters, digits and `.` `_` `:` `-`.", examples=["acc-1"]),
]
"""The form of an id that stands in a URL. Surrounding blanks are not part of an id."""

BodyId = Annotated[
    str,
    StringConstraints(strict=True, min_length=1),
    AfterValidator(_body_id),
    Documented(maxLength=MAX_ID),
    Field(description=f"1 to {MAX_ID} printable characters.", examples=["2026/11/INV 0042"]),
]
"""The form of an id that stands only in bodies."""

Identifier = Annotated[UrlId, AfterValidator(refuse_card_number)]
BodyIdentifier = Annotated[BodyId, AfterValidator(refuse_card_number)]


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
    StringConstraints(strict=True, strip_whitespace=True, pattern=_ALPHA_3),
    _one_of(CURRENCIES, "an ISO 4217 currency code"),
    Documented(maxLength=3),
    Field(description="ISO 4217 currency code.", examples=["USD"]),
]

OriginalCurrencyCode = Annotated[
    str,
    StringConstraints(strict=True, strip_whitespace=True, pattern=_ALPHA_3),
    Documented(maxLength=3),
    Field(description="A currency code of three capital letters.", examples=["EUR"]),
]
"""A well-formed code. It need not be listed, since merchants still use withdrawn currencies."""

MerchantName = Annotated[
    str,
    StringConstraints(strict=True),
    AfterValidator(_merchant_name),
    Documented(minLength=1, maxLength=MAX_TEXT),
    Field(description=f"Cleaned, and cut after {MAX_TEXT} characters.", examples=["Corner Books"]),
]

MerchantId = Annotated[
    str,
    StringConstraints(strict=True),
    AfterValidator(_merchant_id),
    Documented(maxLength=MAX_ID),
    Field(description="The id given by the acquirer, cleaned.", examples=["m-17"]),
]
"""Not checked for card numbers, because numeric acceptor ids look like them."""

CountryCode = Annotated[
    str,
    StringConstraints(strict=True, strip_whitespace=True, pattern=_ALPHA_3),
    Documented(maxLength=3),
    Field(description="ISO 3166-1 alpha-3 country code.", examples=["USA"]),
]
"""A well-formed code. It need not be listed, since card schemes use codes of their own."""

CategoryCode = Annotated[
    str,
    StringConstraints(strict=True, strip_whitespace=True, pattern=_CATEGORY),
    Documented(maxLength=4),
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

AmountOrZero = Annotated[int, _amount(0, 1250)]

CreditLimit = Annotated[int, _amount(0, 500000)]

OpeningBalance = Annotated[
    int,
    null_as(0, Annotated[int, Field(ge=-MAX_BALANCE, le=MAX_BALANCE)]),
    Field(
        strict=True,
        description="What is owed at the opening, minor units; negative after an overpayment. "
        "Null or absent is 0. It may exceed the limit.",
        examples=[19400],
    ),
]

Version = Annotated[
    int,
    Field(
        strict=True,
        ge=1,
        le=2**53 - 1,
        description="The sender's version number; the newest counts. The opening has version 0.",
        examples=[3],
    ),
]

FreeText = Annotated[
    str,
    StringConstraints(strict=True, strip_whitespace=True, min_length=1, max_length=MAX_TEXT),
    AfterValidator(_plain_text),
    Field(description="Text for people, without control characters."),
]

Reference = Annotated[
    str,
    StringConstraints(strict=True),
    AfterValidator(_reference),
    Documented(maxLength=MAX_ID),
    Field(description="An order number, ARN or RRN; not compared in repeats.", examples=["o-77"]),
]

MetadataForm = Annotated[
    dict[
        Annotated[str, Field(min_length=1, max_length=MAX_METADATA_KEY)],
        Annotated[str, Field(max_length=MAX_METADATA_VALUE)],
    ],
    Field(max_length=MAX_METADATA_KEYS),
]
"""The form of metadata; `Metadata` and `DescribedMetadata` say what happens to other forms."""

Metadata = Annotated[
    dict[str, str] | None,
    BeforeValidator(_metadata, json_schema_input_type=MetadataForm | None),
    Field(
        description=f"Up to {MAX_METADATA_KEYS} keys with text, not for personal data; "
        "not compared in repeats.",
        examples=[{"terminal": "T-4"}],
    ),
]

UtcTime = Annotated[
    datetime,
    BeforeValidator(_rfc3339, json_schema_input_type=str),
    Field(
        description="RFC 3339 with an offset.",
        examples=["2026-11-20T10:15:00Z"],
        json_schema_extra={"type": "string", "format": "date-time"},
    ),
]
"""A time with an offset, converted to UTC with microseconds."""

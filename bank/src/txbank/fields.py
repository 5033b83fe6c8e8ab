"""The types of fields that requests of several services share, as docs/contracts.md has them."""

from typing import Annotated, Any

from fastapi import Path
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

from txbank.card_numbers import holds_card_number

_MAX_ID = 64
_BLANK = " "
MAX_AMOUNT = 999_999_999_999_999
"""The largest amount that the platform's contracts allow, minor units."""

_ID = rf"^ *[A-Za-z0-9._:-]{{1,{_MAX_ID}}} *$"
_CURRENCY = r"^[A-Z]{3}$"
_LINE = r"^[^\x00-\x1f\x7f]+$"
EMAIL = r"^[^\s@\x00]+@[^\s@\x00]+\.[^\s@\x00]+$"
BANK_ACCOUNT = r"^[A-Za-z0-9 -]{4,42}$"
RETURN_CODE = r"^[A-Z]{2}[0-9]{2}$"

FORMS = {
    _ID: f"1 to {_MAX_ID} letters A to Z or a to z, digits and . _ : -",
    _CURRENCY: "three capital letters",
    _LINE: "one line of text, without control characters",
    EMAIL: "an e-mail address, such as ada@example.org",
    BANK_ACCOUNT: "an IBAN, or an account number of 4 to 42 letters, digits, blanks and hyphens",
    RETURN_CODE: "two capital letters and two digits, such as AC04",
}
"""The patterns in words, for problem texts."""


def refuse_card_number(value: str) -> str:
    """Return a text unless it is or contains a card number.

    Raises:
        ValueError: The text holds a card number.
    """
    if holds_card_number(value):
        raise ValueError("holds a card number; send a token instead")
    return value


def _in_url(given: str) -> str:
    given = given.strip(_BLANK)
    if given in {".", ".."}:
        raise ValueError("must not be . or .., which have a meaning in URLs")
    return given


def _printable(given: str) -> str:
    given = given.strip(_BLANK)
    if not 1 <= len(given) <= _MAX_ID or not given.isprintable():
        raise ValueError(f"must be 1 to {_MAX_ID} printable characters")
    return given


Id = Annotated[
    str,
    Field(
        pattern=_ID,
        description=f"1 to {_MAX_ID} of `A-Z a-z 0-9 . _ : -`, not `.` or `..`.",
    ),
    AfterValidator(_in_url),
]
"""An id that stands in URLs. Blanks around it are not part of it."""
IdPath = Annotated[Id, Path()]
BodyId = Annotated[
    str,
    Field(min_length=1, description=f"1 to {_MAX_ID} printable characters."),
    AfterValidator(_printable),
]
"""An id that stands only in bodies. Blanks around it are not part of it."""
PaymentId = Annotated[BodyId, AfterValidator(_in_url)]
"""The id of a payment, which is a `BodyId` of the platform, and stands in URLs of the bank."""
PaymentIdPath = Annotated[PaymentId, Path()]
Amount = Annotated[
    int, Field(strict=True, ge=1, le=MAX_AMOUNT, description="Minor units of the currency.")
]
AmountOrZero = Annotated[
    int, Field(strict=True, ge=0, le=MAX_AMOUNT, description="Minor units of the currency.")
]
Currency = Annotated[str, Field(pattern=_CURRENCY, description="ISO 4217 code.")]
FreeText = Annotated[
    str, Field(min_length=1, max_length=200, pattern=_LINE, description="One line of text.")
]


class RequestBody(BaseModel):
    """A request. Unknown members and card numbers are refused; blanks around text are removed."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, frozen=True)

    @field_validator("*")
    @classmethod
    def _without_card_number(cls, value: Any) -> Any:
        return refuse_card_number(value) if isinstance(value, str) else value

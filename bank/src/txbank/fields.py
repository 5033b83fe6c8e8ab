"""The types of fields that requests of several services share."""

from typing import Annotated

from fastapi import Path
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

_MAX_ID = 64
_BLANK = " "
MAX_AMOUNT = 999_999_999_999_999
"""The largest amount that the platform's contracts allow, minor units."""


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
        pattern=rf"^ *[A-Za-z0-9._:-]{{1,{_MAX_ID}}} *$",
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
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="ISO 4217 code.")]
FreeText = Annotated[
    str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$", description="One line of text.")
]


class RequestBody(BaseModel):
    """A request: unknown members are refused, and blanks around text are not part of it."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, frozen=True)

"""The types of fields that requests of several services share."""

from typing import Annotated

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field

_ID = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$"
MAX_AMOUNT = 999_999_999_999_999
"""The largest amount that the platform's contracts allow, minor units."""

Id = Annotated[
    str,
    Field(
        pattern=_ID, description="1 to 64 of `A-Z a-z 0-9 . _ : -`, the first a letter or digit."
    ),
]
IdPath = Annotated[str, Path(pattern=_ID)]
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
    """A request. Unknown members are refused, and blanks around text are removed."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, frozen=True)

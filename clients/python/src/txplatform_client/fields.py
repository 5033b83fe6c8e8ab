"""The base of all bodies, and the types of their fields.

The names of fields are those of the API's documents. An optional field that is None or has its
default is not sent. Unknown fields of responses and messages are ignored.
"""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Generic, Literal, TypeVar, dataclass_transform

from msgspec import Meta, Struct

from txplatform_client.money import Money

T = TypeVar("T")

_ACCOUNT_ID = r"\A(?!\.{1,2}\Z)[A-Za-z0-9._:-]{1,64}\Z"
_BUSINESS_ID = r"\A[^\s\x00-\x1f\x7f-\xa0]([^\x00-\x1f\x7f-\xa0]{0,62}\S)?\Z"
_CURRENCY = r"\A[A-Z]{3}\Z"
_BEYOND = 10**20
"""Beyond every amount and version."""

FORMS = {
    _ACCOUNT_ID: "1 to 64 of A-Z a-z 0-9 . _ : -",
    _BUSINESS_ID: "1 to 64 printable characters",
    _CURRENCY: "three capital letters",
}
"""The patterns in words, for error texts."""

AccountId = Annotated[str, Meta(pattern=_ACCOUNT_ID)]
"""An id that stands in a URL."""
BusinessId = Annotated[str, Meta(pattern=_BUSINESS_ID)]
"""An id that stands only in bodies."""
CurrencyCode = Annotated[str, Meta(pattern=_CURRENCY)]
"""An ISO 4217 code."""
Amount = Annotated[int, Meta(ge=1, le=999_999_999_999_999)]
"""Minor units of a currency."""
AmountOrZero = Annotated[int, Meta(ge=0, le=999_999_999_999_999)]
"""Minor units of a currency."""
SignedBalance = Annotated[int, Meta(ge=-8_000_000_000_000_000, le=8_000_000_000_000_000)]
"""What is owed, minor units of a currency; negative after an overpayment."""
Version = Annotated[int, Meta(ge=1, le=2**53 - 1)]
Time = Annotated[datetime, Meta(tz=True)]
"""A time with an offset."""

Outcome = Literal["approved", "declined"]
Direction = Literal["debit", "credit"]
"""A debit raises what is owed, a credit lowers it."""
AccountStatus = Literal["active", "frozen", "closed"]
FreezeReason = Literal["stolen", "lost", "suspected_fraud"]
"""The reasons for a freeze that have a response code of their own."""


def exact_number(text: str) -> int | Decimal:
    """Return a JSON number that has a fraction or an exponent. 1250.0 and 1e3 are integers."""
    number = Decimal(text)
    # Bounded, since an integer has all the digits that an exponent saves.
    whole = -_BEYOND < number < _BEYOND and number == number.to_integral_value()
    return int(number) if whole or not number else number


@dataclass_transform(frozen_default=True)
class Body(Struct, frozen=True, omit_defaults=True):
    """The base of requests, responses and messages."""


class Page(Body, Generic[T]):
    """A page of a list.

    Attributes:
        next_cursor: The cursor for the next page; None on the last page of a list that ends.
    """

    items: list[T]
    next_cursor: str | None


class Priced(Body):
    """The base of bodies that have an `amount` in minor units and its `currency`."""

    amount: int
    currency: str

    @property
    def money(self) -> Money:
        """The amount with its currency."""
        return Money(self.amount, self.currency)


class Merchant(Body):
    """A merchant.

    Attributes:
        name: The name on the cardholder's statement; None only in an advice without a name.
        id: The merchant's id, assigned by the acquirer.
        category_code: ISO 18245, four digits.
        country: ISO 3166-1 alpha-3.
    """

    name: str | None
    id: str | None = None
    category_code: str | None = None
    country: str | None = None


class Balance(Body):
    """The amounts of an account, in minor units of its currency.

    Attributes:
        credit_limit: The granted credit.
        posted: What is owed; negative after an overpayment.
        pending: The sum of all holds.
        available: `credit_limit - posted - pending`; negative if the account is over its limit.
    """

    credit_limit: int
    posted: int
    pending: int
    available: int


class Reason(Body):
    """Why a rule refused.

    Attributes:
        code: A stable name, such as `insufficient_credit`.
        response_code: ISO 8583:1987 field 39.
        message: The reason as a sentence for people.
        observed: The value that the rule measured; amounts in minor units.
        limit: The value that the rule allows, in the unit of `observed`.
    """

    code: str
    response_code: str
    message: str
    observed: int | str | None = None
    limit: int | str | None = None

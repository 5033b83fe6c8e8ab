"""Reasons to decline a purchase, with their reason codes and ISO 8583 response codes."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Self

from annotated_types import Interval, Len, MaxLen

from txplatform.domain.money import MAX_EXACT
from txplatform.domain.status import FreezeReason

APPROVED_RESPONSE_CODE = "00"
"""ISO 8583:1987 field 39: approved."""

FREEZE_RESPONSE_CODES: dict[FreezeReason | None, str] = {
    FreezeReason.STOLEN: "43",
    FreezeReason.LOST: "41",
    FreezeReason.SUSPECTED_FRAUD: "59",
    None: "62",
}
"""ISO 8583:1987 field 39 of a decline by a frozen account, by the reason of the freeze."""


class ReasonCode(StrEnum):
    """The codes of reasons to decline, most important first.

    The order is: the state of the account, what will never be approved, limits. Merchants may retry
    a decline for lack of credit (51), but not one that says "never" (57), so credit comes last.
    """

    ACCOUNT_NOT_FOUND = "account_not_found", "14"
    ACCOUNT_CLOSED = "account_closed", "46"
    ACCOUNT_FROZEN = "account_frozen", FREEZE_RESPONSE_CODES[None]
    CURRENCY_MISMATCH = "currency_mismatch", "12"
    NO_OPEN_HOLD = "no_open_hold", "12"
    COUNTRY_NOT_ALLOWED = "country_not_allowed", "57"
    MERCHANT_CATEGORY_NOT_ALLOWED = "merchant_category_not_allowed", "57"
    MERCHANT_NOT_ALLOWED = "merchant_not_allowed", "57"
    AMOUNT_LIMIT_EXCEEDED = "amount_limit_exceeded", "61"
    VELOCITY_AMOUNT_EXCEEDED = "velocity_amount_exceeded", "61"
    VELOCITY_COUNT_EXCEEDED = "velocity_count_exceeded", "65"
    INSUFFICIENT_CREDIT = "insufficient_credit", "51"

    response_code: str
    """ISO 8583:1987 field 39 (docs/contracts.md)."""

    precedence: int
    """The rank among all reasons; 0 is the most important."""

    def __new__(cls, value: str, response_code: str) -> Self:
        """Create a member. The order of the declarations is the order of precedence."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.response_code = response_code
        member.precedence = len(cls.__members__)
        return member


Measured = Annotated[int, Interval(ge=-MAX_EXACT, le=MAX_EXACT)] | Annotated[str, MaxLen(64)] | None
"""A number, or a code or an id; None if there is none."""


@dataclass(frozen=True, slots=True)
class Reason:
    """A rule's reason to decline a purchase.

    Attributes:
        response_code: ISO 8583:1987 field 39.
        message: The reason as a sentence for people.
        observed: The value that the rule observed; amounts in minor units.
        limit: The allowed value or the maximum, in the unit of `observed`.
    """

    code: ReasonCode
    response_code: Annotated[str, Len(2, 2)]
    message: Annotated[str, MaxLen(500)]
    observed: Measured = None
    limit: Measured = None

    @classmethod
    def of(
        cls,
        code: ReasonCode,
        message: str,
        observed: int | str | None = None,
        limit: int | str | None = None,
        response_code: str | None = None,
    ) -> "Reason":
        """Create a reason; without a response code of its own it has that of its `code`."""
        return cls(code, response_code or code.response_code, message, observed, limit)


def most_important_first(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    """Sort reasons by precedence; reasons with the same code keep their order."""
    return tuple(sorted(reasons, key=lambda reason: reason.code.precedence))

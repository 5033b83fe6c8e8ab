"""Why a purchase was declined: the codes other services read, and their field 39."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

APPROVED_RESPONSE_CODE = "00"
"""ISO 8583:1987 field 39: approved."""


class ReasonCode(StrEnum):
    """What a rule found, most important first: the order reasons are reported in.

    First whether the account can be used at all, then its money, then what the issuer does not
    want anywhere (places, then sizes), and last what only a burst of purchases makes wrong.
    """

    ACCOUNT_NOT_FOUND = "account_not_found"
    ACCOUNT_CLOSED = "account_closed"
    ACCOUNT_FROZEN = "account_frozen"
    CURRENCY_MISMATCH = "currency_mismatch"
    NO_OPEN_HOLD = "no_open_hold"
    INSUFFICIENT_CREDIT = "insufficient_credit"
    COUNTRY_NOT_ALLOWED = "country_not_allowed"
    MERCHANT_CATEGORY_NOT_ALLOWED = "merchant_category_not_allowed"
    MERCHANT_NOT_ALLOWED = "merchant_not_allowed"
    AMOUNT_LIMIT_EXCEEDED = "amount_limit_exceeded"
    VELOCITY_AMOUNT_EXCEEDED = "velocity_amount_exceeded"
    VELOCITY_COUNT_EXCEEDED = "velocity_count_exceeded"


RESPONSE_CODES = {
    ReasonCode.ACCOUNT_NOT_FOUND: "14",
    ReasonCode.ACCOUNT_CLOSED: "62",
    ReasonCode.ACCOUNT_FROZEN: "62",
    ReasonCode.CURRENCY_MISMATCH: "12",
    ReasonCode.NO_OPEN_HOLD: "12",
    ReasonCode.INSUFFICIENT_CREDIT: "51",
    ReasonCode.COUNTRY_NOT_ALLOWED: "57",
    ReasonCode.MERCHANT_CATEGORY_NOT_ALLOWED: "57",
    ReasonCode.MERCHANT_NOT_ALLOWED: "57",
    ReasonCode.AMOUNT_LIMIT_EXCEEDED: "61",
    ReasonCode.VELOCITY_AMOUNT_EXCEEDED: "61",
    ReasonCode.VELOCITY_COUNT_EXCEEDED: "65",
}
"""ISO 8583:1987 field 39 of each reason (docs/contracts.md)."""

_RANK = {code: rank for rank, code in enumerate(ReasonCode)}


@dataclass(frozen=True, slots=True)
class Reason:
    """One rule's refusal.

    Attributes:
        response_code: ISO 8583:1987 field 39.
        message: The refusal in a sentence, for people.
        observed: What the rule measured, in minor units where it is money.
        limit: What it may be at most, in the same unit.
    """

    code: ReasonCode
    response_code: str
    message: str
    observed: int | str | None = None
    limit: int | str | None = None

    @classmethod
    def of(
        cls,
        code: ReasonCode,
        message: str,
        observed: int | str | None = None,
        limit: int | str | None = None,
    ) -> "Reason":
        """A refusal with the response code that goes with its reason."""
        return cls(code, RESPONSE_CODES[code], message, observed, limit)


def most_important_first(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    """In the order they are reported; those with one code stay in the order of their rules."""
    return tuple(sorted(reasons, key=lambda reason: _RANK[reason.code]))

"""Why a purchase was declined: the codes other services read, and their field 39."""

from dataclasses import dataclass
from enum import StrEnum

APPROVED_RESPONSE_CODE = "00"
"""ISO 8583:1987 field 39: approved."""


class ReasonCode(StrEnum):
    """What a rule found, most important first: the order reasons are reported in."""

    ACCOUNT_NOT_FOUND = "account_not_found"
    CURRENCY_MISMATCH = "currency_mismatch"
    INSUFFICIENT_CREDIT = "insufficient_credit"


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

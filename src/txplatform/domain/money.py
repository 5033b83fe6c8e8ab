"""Amounts of an account, in minor units of the account's currency (ISO 4217)."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Interval

MAX_AMOUNT = 999_999_999_999_999
"""The largest amount of one purchase, payment or limit, in minor units (docs/contracts.md)."""

MAX_BALANCE = 8_000_000_000_000_000
"""The largest absolute value of a posted balance, in minor units.

Together with a limit and holds it stays within `MAX_EXACT`.
"""

MAX_EXACT = 2**53 - 1
"""The largest integer that JSON readers with 64-bit floats hold exactly, like all below it."""


@dataclass(frozen=True, slots=True)
class Balance:
    """An account's balance at one account version, in minor units.

    Attributes:
        credit_limit: The granted credit.
        posted: The owed amount; negative after an overpayment.
        pending: The sum of all holds.
        available: `credit_limit - posted - pending`; negative if the account is over its limit.
    """

    credit_limit: Annotated[int, Interval(ge=0, le=MAX_AMOUNT)]
    posted: Annotated[int, Interval(ge=-MAX_BALANCE, le=MAX_BALANCE)]
    pending: Annotated[int, Interval(ge=0, le=MAX_EXACT)]
    available: Annotated[int, Interval(ge=-MAX_EXACT, le=MAX_EXACT)]

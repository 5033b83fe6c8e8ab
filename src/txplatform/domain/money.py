"""An account's money, in minor units of the account's currency (ISO 4217)."""

from dataclasses import dataclass

MAX_AMOUNT = 999_999_999_999_999
"""The largest amount of one purchase, payment or limit, in minor units (docs/contracts.md)."""

MAX_BALANCE = 9_000_000_000_000_000_000
"""The furthest a posted balance may be from zero, so that it is a 64-bit integer everywhere."""


@dataclass(frozen=True, slots=True)
class Balance:
    """The amounts an account owes, has reserved and may still spend, at one account version.

    Attributes:
        credit_limit: The credit granted.
        posted: What is owed; negative after an overpayment.
        pending: What approved authorizations hold.
        available: `credit_limit - posted - pending`; negative when over the limit.
    """

    credit_limit: int
    posted: int
    pending: int
    available: int

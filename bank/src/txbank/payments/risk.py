"""The risk check: whether a payment is accepted at once, held for staff, or refused.

A bad payment costs the bank money after days: it raises the available credit now, is spent, and
bounces. So the check asks how much is at stake, and how well the payer is known.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from txbank.payments.state import PaymentState


class RiskReason(StrEnum):
    """Why a payment was held or refused, in order of precedence."""

    AMOUNT_TOO_HIGH = "amount_too_high"
    TOO_MANY_RETURNS = "too_many_returns"
    ACCOUNT_UNKNOWN = "account_unknown"
    AMOUNT_HIGH = "amount_high"
    EARLIER_RETURN = "earlier_return"
    ACCOUNT_NEW = "account_new"
    BALANCE_UNKNOWN = "balance_unknown"
    MORE_THAN_OWED = "more_than_owed"


@dataclass(frozen=True)
class Thresholds:
    """Amounts in minor units of one currency.

    Attributes:
        small: Up to this amount, the payer may be new or have an earlier return, and the balance
            may be unknown or lower.
        high: Above this amount, staff decide on every payment.
        highest: Above this amount, every payment is refused.
    """

    small: int
    high: int
    highest: int


_DEFAULT = Thresholds(small=50_000, high=1_000_000, highest=10_000_000)
THRESHOLDS: dict[str, Thresholds] = {
    "CHF": _DEFAULT,
    "EUR": _DEFAULT,
    "GBP": _DEFAULT,
    "JPY": Thresholds(small=75_000, high=1_500_000, highest=15_000_000),
    "USD": _DEFAULT,
}
"""The thresholds of each currency in which payments are taken."""

NEW_FOR = timedelta(days=30)
"""The time for which an account counts as new."""
RETURNS_COUNT_FOR = timedelta(days=180)
MOST_RETURNS = 3
"""After this many returns within `RETURNS_COUNT_FOR`, every further payment is refused."""


@dataclass(frozen=True)
class Payer:
    """The payer's history at the time of the payment.

    Attributes:
        opened_at: When the account was opened; None if its opening is not known yet.
        returns: The number of payments that bounced within `RETURNS_COUNT_FOR`.
        owed: The posted balance plus the holds, minor units; None if it is not known.
    """

    opened_at: datetime | None
    returns: int
    owed: int | None


def assess(
    amount: int, currency: str, payer: Payer, now: datetime
) -> tuple[PaymentState, RiskReason | None]:
    """Return the first state of a payment, and the reason unless it is accepted.

    Args:
        amount: Minor units of the currency.
        currency: One of `THRESHOLDS`.
        payer: What is known of the payer.
        now: The time of the payment.
    """
    limits = THRESHOLDS[currency]
    needs_trust = amount > limits.small
    new = payer.opened_at is not None and now - payer.opened_at < NEW_FOR
    held, refused = PaymentState.HELD, PaymentState.REFUSED
    checks = (
        (amount > limits.highest, refused, RiskReason.AMOUNT_TOO_HIGH),
        (payer.returns >= MOST_RETURNS, refused, RiskReason.TOO_MANY_RETURNS),
        (payer.opened_at is None, held, RiskReason.ACCOUNT_UNKNOWN),
        (amount > limits.high, held, RiskReason.AMOUNT_HIGH),
        (needs_trust and payer.returns > 0, held, RiskReason.EARLIER_RETURN),
        (needs_trust and new, held, RiskReason.ACCOUNT_NEW),
        (needs_trust and payer.owed is None, held, RiskReason.BALANCE_UNKNOWN),
        (needs_trust and amount > (payer.owed or 0), held, RiskReason.MORE_THAN_OWED),
    )
    for applies, state, reason in checks:
        if applies:
            return state, reason
    return PaymentState.ACCEPTED, None

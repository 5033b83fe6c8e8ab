"""What the accounts and payments teams tell us: each a fact with its own business key.

Two messages with the same business key say the same thing when these are equal; otherwise
one of them is wrong.
"""

from dataclasses import dataclass
from datetime import datetime

from txplatform.domain.ids import AccountId, PaymentId


@dataclass(frozen=True, slots=True)
class Opening:
    """An account was opened; its limit is limit version 0.

    Attributes:
        credit_limit: Minor units of `currency`.
        opened_at: The accounts team's time, UTC; None where the caller gave none.
    """

    account_id: AccountId
    currency: str
    credit_limit: int
    opened_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LimitChange:
    """The credit limit was changed; a higher `limit_version` is newer."""

    account_id: AccountId
    credit_limit: int
    currency: str
    limit_version: int
    effective_at: datetime


@dataclass(frozen=True, slots=True)
class Payment:
    """The cardholder paid; lowers what is owed by `amount` minor units."""

    payment_id: PaymentId
    account_id: AccountId
    amount: int
    currency: str
    submitted_at: datetime


@dataclass(frozen=True, slots=True)
class PaymentReturn:
    """The bank took a payment back; amount and currency have to be the payment's."""

    payment_id: PaymentId
    account_id: AccountId
    amount: int
    currency: str
    reason: str
    returned_at: datetime

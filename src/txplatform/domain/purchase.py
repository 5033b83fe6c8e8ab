"""A purchase as it is asked for: the facts that a decision is made on."""

from dataclasses import dataclass
from datetime import datetime

from txplatform.domain.ids import AccountId, TransactionId


@dataclass(frozen=True, slots=True)
class Merchant:
    """Where the card is used.

    Attributes:
        id: The acquirer's identifier of the merchant.
        name: The name on the cardholder's statement.
        category_code: ISO 18245 merchant category, four digits.
        country: ISO 3166-1 alpha-3.
    """

    id: str
    name: str
    category_code: str
    country: str


@dataclass(frozen=True, slots=True)
class Purchase:
    """One authorization request.

    Two requests with the same `transaction_id` are the same request when they are equal.

    Attributes:
        amount: Billing amount in minor units of `currency`; 0 is an account verification.
        currency: ISO 4217 code; has to be the account's.
        original_amount: What the merchant charged, in minor units of `original_currency`.
        occurred_at: The merchant's time, UTC.
    """

    transaction_id: TransactionId
    account_id: AccountId
    amount: int
    currency: str
    merchant: Merchant
    original_amount: int | None = None
    original_currency: str | None = None
    occurred_at: datetime | None = None

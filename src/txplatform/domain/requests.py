"""Requests: commands that can be refused.

A refused purchase or increment is declined, and the decline is recorded. Other refused requests are
rejected without a record.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar

from annotated_types import Len, MaxLen

from txplatform.domain.account_command import AccountCommand, FlaggedCommand
from txplatform.domain.ids import AccountId, TransactionId
from txplatform.domain.keys import (
    authorization_key,
    hold_expiry_key,
    late_authorization_key,
    opening_key,
)
from txplatform.domain.status import AccountStatus, FreezeReason


@dataclass(frozen=True, slots=True)
class Merchant:
    """The merchant where a card is used. None means unknown.

    Attributes:
        id: The merchant's id, assigned by the acquirer.
        name: The name on the cardholder's statement; None only in an advice without a name.
        category_code: ISO 18245 merchant category, four digits.
        country: ISO 3166-1 alpha-3.
    """

    id: Annotated[str, MaxLen(64)] | None
    name: Annotated[str, MaxLen(200)] | None
    category_code: Annotated[str, Len(4, 4)] | None
    country: Annotated[str, Len(3, 3)] | None


class Purchase(AccountCommand, frozen=True):
    """One authorization request.

    Attributes:
        amount: Billing amount in minor units of `currency`; 0 for an account verification.
        currency: ISO 4217 code; the account must have the same currency.
        original_amount: The merchant's price in minor units of `original_currency`.
        occurred_at: The time of the purchase according to the merchant, UTC.
        reference: An order number or another reference of the sender.
        metadata: Texts of the sender by key.
    """

    LABEL: ClassVar[str] = "The transaction"
    BUSINESS_TIME: ClassVar[tuple[str, ...]] = ("occurred_at",)
    DESCRIBING: ClassVar[frozenset[str]] = frozenset({"reference", "metadata"})

    transaction_id: TransactionId
    account_id: AccountId
    amount: int
    currency: str
    merchant: Merchant
    original_amount: int | None = None
    original_currency: str | None = None
    occurred_at: datetime | None = None
    reference: str | None = None
    metadata: dict[str, str] | None = None

    @property
    def key(self) -> str:
        return authorization_key(self.transaction_id)

    @property
    def keys(self) -> tuple[str, ...]:
        return (self.key, late_authorization_key(self.transaction_id))


class Increment(AccountCommand, frozen=True):
    """A merchant's request to raise a hold by `amount` minor units."""

    LABEL: ClassVar[str] = "The increment"

    increment_id: str
    transaction_id: TransactionId
    account_id: AccountId
    amount: int

    @property
    def key(self) -> str:
        return f"increment:{self.increment_id}"


class Opening(FlaggedCommand, frozen=True):
    """The accounts team opens an account.

    Attributes:
        credit_limit: The first limit (version 0), in minor units of `currency`.
        opening_balance: What is owed when the account moves in from elsewhere, minor units;
            negative after an overpayment. It may exceed the limit.
        opened_at: The time of the opening according to the accounts team, UTC.
    """

    LABEL: ClassVar[str] = "The opening of the account"
    DESCRIBING: ClassVar[frozenset[str]] = frozenset({"opened_at"})
    BUSINESS_TIME: ClassVar[tuple[str, ...]] = ("opened_at",)

    account_id: AccountId
    currency: str
    credit_limit: int
    opened_at: datetime | None = None
    opening_balance: int = 0

    @property
    def key(self) -> str:
        return opening_key(self.account_id)


class OperatorStatus(AccountCommand, frozen=True):
    """An operator freezes, unfreezes or closes the account."""

    LABEL: ClassVar[str] = "The status"

    status_id: str
    account_id: AccountId
    status: AccountStatus
    reason: str
    reason_code: FreezeReason | None = None

    @property
    def key(self) -> str:
        return f"status:{self.status_id}"


class ControlsChange(AccountCommand, frozen=True):
    """The account's controls (its own rules) are replaced by `rules`, given in JSON form."""

    LABEL: ClassVar[str] = "The controls change"

    controls_id: str
    account_id: AccountId
    rules: tuple[dict[str, Any], ...]
    reason: str

    @property
    def key(self) -> str:
        return f"controls:{self.controls_id}"


class HoldExpiry(AccountCommand, frozen=True):
    """The platform releases a hold at its expiry time."""

    LABEL: ClassVar[str] = "The expiry of the transaction"

    account_id: AccountId
    transaction_id: TransactionId

    @property
    def key(self) -> str:
        return hold_expiry_key(self.transaction_id)


Request = Purchase | Increment | Opening | OperatorStatus | ControlsChange | HoldExpiry

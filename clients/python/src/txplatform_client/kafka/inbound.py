"""The messages that the platform consumes. Other services send them.

They are advices: they report what has happened. Send a message again, with the same ids, if it may
not have arrived. A copy changes nothing.
"""

from typing import ClassVar

from txplatform_client.accounts import Opening
from txplatform_client.fields import (
    AccountId,
    AccountStatus,
    AmountOrZero,
    Body,
    BusinessId,
    CurrencyCode,
    Direction,
    Priced,
    Time,
    Version,
)
from txplatform_client.settlement import ClearingItem


class AccountOpened(Opening):
    """`accounts.account-opened.v1`: an account was opened; its limit has version 0."""

    TOPIC: ClassVar[str] = "accounts.account-opened.v1"


class AccountStatusChanged(Body, kw_only=True):
    """`accounts.account-status-changed.v1`: the accounts team changed the status.

    Attributes:
        status_version: Counts up with each change of the account, from 1. The highest applies; a
            `closed` status always does.
        reason_code: A `FreezeReason` decides the response code of declines while the account is
            frozen. Any other code is kept.
    """

    TOPIC: ClassVar[str] = "accounts.account-status-changed.v1"

    account_id: AccountId
    status: AccountStatus
    status_version: Version
    reason_code: str | None = None
    reason: str | None = None
    changed_at: Time | None = None


class CreditLimitChanged(Body, kw_only=True):
    """`accounts.credit-limit-changed.v1`: the credit limit changed.

    Attributes:
        credit_limit: Minor units of the currency.
        limit_version: Counts up with each change of the account, from 1; the highest applies.
    """

    TOPIC: ClassVar[str] = "accounts.credit-limit-changed.v1"

    account_id: AccountId
    credit_limit: AmountOrZero
    currency: CurrencyCode
    limit_version: Version
    effective_at: Time | None = None


class PaymentSubmitted(Priced, kw_only=True):
    """`payments.payment-submitted.v1`: the cardholder paid.

    Attributes:
        payment_id: Used once in an account, permanently.
        amount: Minor units of `currency`; 0 is ignored.
        submitted_at: When the cardholder paid.
        original_amount: What the cardholder sent, minor units of `original_currency`.
        reference: A creditor reference or a check number.
        metadata: Up to 20 keys with text; no personal data.
    """

    TOPIC: ClassVar[str] = "payments.payment-submitted.v1"

    account_id: AccountId
    payment_id: BusinessId
    amount: AmountOrZero
    currency: CurrencyCode
    submitted_at: Time | None = None
    original_amount: AmountOrZero | None = None
    original_currency: str | None = None
    reference: str | None = None
    metadata: dict[str, str] | None = None


class PaymentReturned(Priced, kw_only=True):
    """`payments.payment-returned.v1`: the bank returned a payment.

    Attributes:
        payment_id: The id of the payment that is returned.
        amount: The amount of the payment, minor units, without charges for the return.
        reason: Such as `AC04 account closed`.
    """

    TOPIC: ClassVar[str] = "payments.payment-returned.v1"

    account_id: AccountId
    payment_id: BusinessId
    amount: AmountOrZero
    currency: CurrencyCode
    reason: str | None = None
    returned_at: Time | None = None


class PresentmentReceived(ClearingItem, kw_only=True):
    """`settlement.presentment-received.v1`: the network settles a purchase or a refund."""

    TOPIC: ClassVar[str] = "settlement.presentment-received.v1"

    direction: Direction
    presented_at: Time | None = None


INBOUND = (
    AccountOpened,
    AccountStatusChanged,
    CreditLimitChanged,
    PaymentSubmitted,
    PaymentReturned,
    PresentmentReceived,
)
"""The messages that the platform consumes."""

"""The bodies of messages that we consume from Kafka.

Unknown members are ignored, so that producers can add fields. HTTP requests with unknown members
are refused instead, because the caller sees the error immediately.
"""

from typing import ClassVar

from pydantic import ConfigDict, StrictBool

from txplatform.contracts.body import Body
from txplatform.contracts.fields import (
    Amount,
    AmountOrZero,
    CurrencyCode,
    FreeText,
    Identifier,
    UtcTime,
    Version,
)
from txplatform.contracts.process_transaction import MerchantFields
from txplatform.domain.advices import Direction
from txplatform.domain.status import AccountStatus


class MessageBody(Body):
    """The body of an inbound message."""

    TOPIC: ClassVar[str]

    model_config = ConfigDict(extra="ignore")

    account_id: Identifier


class AccountOpenedMessage(MessageBody):
    """`accounts.account-opened.v1`: an account was opened, with limit version 0."""

    TOPIC: ClassVar[str] = "accounts.account-opened.v1"

    currency: CurrencyCode
    credit_limit: AmountOrZero
    opened_at: UtcTime


class CreditLimitChangedMessage(MessageBody):
    """`accounts.credit-limit-changed.v1`: the credit limit changed."""

    TOPIC: ClassVar[str] = "accounts.credit-limit-changed.v1"

    credit_limit: AmountOrZero
    currency: CurrencyCode
    limit_version: Version
    effective_at: UtcTime


class PaymentSubmittedMessage(MessageBody):
    """`payments.payment-submitted.v1`: the cardholder paid."""

    TOPIC: ClassVar[str] = "payments.payment-submitted.v1"

    payment_id: Identifier
    amount: Amount
    currency: CurrencyCode
    submitted_at: UtcTime


class PaymentReturnedMessage(MessageBody):
    """`payments.payment-returned.v1`: the bank returned a payment."""

    TOPIC: ClassVar[str] = "payments.payment-returned.v1"

    payment_id: Identifier
    amount: Amount
    currency: CurrencyCode
    reason: FreeText
    returned_at: UtcTime


class AccountStatusChangedMessage(MessageBody):
    """`accounts.account-status-changed.v1`: the accounts team changed the status."""

    TOPIC: ClassVar[str] = "accounts.account-status-changed.v1"

    status: AccountStatus
    status_version: Version
    reason: FreeText
    changed_at: UtcTime


class PresentedMerchant(MerchantFields):
    """The merchant where the card was used."""

    model_config = ConfigDict(extra="ignore")


class PresentmentReceivedMessage(MessageBody):
    """`settlement.presentment-received.v1`: the network settles a purchase or a refund.

    A debit is owed by the cardholder; a credit is a refund. A presentment with
    `reverses_clearing_id` withdraws an earlier presentment.
    """

    TOPIC: ClassVar[str] = "settlement.presentment-received.v1"

    clearing_id: Identifier
    transaction_id: Identifier | None = None
    direction: Direction
    reverses_clearing_id: Identifier | None = None
    amount: Amount
    currency: CurrencyCode
    original_amount: Amount | None = None
    original_currency: CurrencyCode | None = None
    final: StrictBool = True
    merchant: PresentedMerchant | None = None
    presented_at: UtcTime


INBOUND_TOPICS: tuple[str, ...] = tuple(body.TOPIC for body in MessageBody.__subclasses__())
"""The topics of all inbound messages."""

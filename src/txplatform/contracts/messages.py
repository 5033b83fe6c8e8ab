"""The bodies of the messages that other teams send us over Kafka.

Members that we do not know are ignored: producers may add to their messages without asking
us. (Requests over HTTP are refused for them: there the caller is told at once.)
"""

from pydantic import BaseModel, ConfigDict

from txplatform.contracts.fields import (
    Amount,
    AmountOrZero,
    CurrencyCode,
    FreeText,
    Identifier,
    LimitVersion,
    UtcTime,
)


class InboundMessage(BaseModel):
    """What every inbound message says."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    account_id: Identifier


class AccountOpenedMessage(InboundMessage):
    """`accounts.account-opened.v1`: an account was opened; its limit is limit version 0."""

    currency: CurrencyCode
    credit_limit: AmountOrZero
    opened_at: UtcTime


class CreditLimitChangedMessage(InboundMessage):
    """`accounts.credit-limit-changed.v1`: the limit is another from this version on."""

    credit_limit: AmountOrZero
    currency: CurrencyCode
    limit_version: LimitVersion
    effective_at: UtcTime


class PaymentSubmittedMessage(InboundMessage):
    """`payments.payment-submitted.v1`: the cardholder paid."""

    payment_id: Identifier
    amount: Amount
    currency: CurrencyCode
    submitted_at: UtcTime


class PaymentReturnedMessage(InboundMessage):
    """`payments.payment-returned.v1`: the bank took a payment back."""

    payment_id: Identifier
    amount: Amount
    currency: CurrencyCode
    reason: FreeText
    returned_at: UtcTime

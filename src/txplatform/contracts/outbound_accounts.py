"""The bodies of the messages about openings and payments that we publish to Kafka."""

from dataclasses import dataclass
from typing import ClassVar

from txplatform.contracts import response_fields as out
from txplatform.contracts.encoding import rfc3339_or_none
from txplatform.contracts.same_fields import from_event
from txplatform.domain.events import AccountOpened, PaymentReceived, PaymentReturned
from txplatform.domain.money import Balance


@dataclass(frozen=True, slots=True)
class AccountOpening:
    """`transactions.account-opened.v1`: an account was opened.

    Attributes:
        credit_limit: The first limit, minor units of `currency`.
        posted_change: The opening balance: what was owed when the account moved in, minor units.
        flags: Unusual circumstances. They never prevent the opening.
        balance: The balance after the opening, minor units. Messages that waited for the opening
            are applied afterwards.
        opened_at: The time given by the sender, RFC 3339 UTC; null if there is none.
        account_version: The account's version after the opening.
        recorded_at: RFC 3339 UTC.
    """

    TOPIC: ClassVar[str] = "transactions.account-opened.v1"

    account_id: out.AccountId
    currency: out.CurrencyCode
    credit_limit: out.Amount
    posted_change: out.SignedAmount
    flags: out.Flags
    balance: Balance
    opened_at: out.Time | None
    account_version: out.AccountVersion
    event_id: out.EventId
    recorded_at: out.Time


def account_opening(event: AccountOpened) -> AccountOpening:
    """Return the message for an opening."""
    limit, owed = event.opening.credit_limit, event.opening.opening_balance
    return from_event(
        AccountOpening,
        event,
        posted_change=owed,
        balance=Balance(limit, owed, 0, limit - owed),
        opened_at=rfc3339_or_none(event.opening.opened_at),
    )


@dataclass(frozen=True, slots=True)
class PaymentApplied:
    """`transactions.payment-applied.v1`: a payment lowered the amount owed.

    Attributes:
        amount: Minor units of `currency`, never negative.
        posted_change: The change in the amount owed, minor units; always `-amount`.
        flags: Unusual circumstances. They never prevent posting.
        balance: The balance after the payment, minor units.
        submitted_at: The time given by the sender, RFC 3339 UTC.
        account_version: The account's version after the payment.
        recorded_at: RFC 3339 UTC.
    """

    TOPIC: ClassVar[str] = "transactions.payment-applied.v1"

    payment_id: out.BusinessId
    account_id: out.AccountId
    amount: out.Amount
    currency: out.CurrencyCode
    posted_change: out.SignedAmount
    flags: out.Flags
    balance: Balance
    original_amount: out.Amount | None
    original_currency: out.CurrencyCode | None
    submitted_at: out.Time | None
    reference: out.Reference | None
    metadata: out.Metadata | None
    account_version: out.AccountVersion
    event_id: out.EventId
    recorded_at: out.Time


def payment_applied(event: PaymentReceived) -> PaymentApplied:
    """Return the message for a payment."""
    return from_event(
        PaymentApplied,
        event,
        posted_change=-event.payment.amount,
        submitted_at=rfc3339_or_none(event.payment.submitted_at),
    )


@dataclass(frozen=True, slots=True)
class ReturnedPayment:
    """`transactions.payment-returned.v1`: the bank returned a payment.

    Attributes:
        amount: Minor units of `currency`, never negative.
        posted_change: The change in the amount owed, minor units; always `amount`.
        reason: The bank's reason; null if there is none.
        flags: Unusual circumstances. They never prevent posting.
        balance: The balance after the return, minor units.
        returned_at: The time given by the sender, RFC 3339 UTC.
        account_version: The account's version after the return.
        recorded_at: RFC 3339 UTC.
    """

    TOPIC: ClassVar[str] = "transactions.payment-returned.v1"

    payment_id: out.BusinessId
    account_id: out.AccountId
    amount: out.Amount
    currency: out.CurrencyCode
    posted_change: out.SignedAmount
    reason: out.Text | None
    flags: out.Flags
    balance: Balance
    returned_at: out.Time | None
    account_version: out.AccountVersion
    event_id: out.EventId
    recorded_at: out.Time


def returned_payment(event: PaymentReturned) -> ReturnedPayment:
    """Return the message for a payment's return."""
    return from_event(
        ReturnedPayment,
        event,
        posted_change=event.payment_return.amount,
        returned_at=rfc3339_or_none(event.payment_return.returned_at),
    )

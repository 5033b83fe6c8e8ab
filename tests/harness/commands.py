"""Builders of commands, with defaults for the fields that most tests ignore."""

from __future__ import annotations

from datetime import UTC, datetime

from txplatform.domain.advices import (
    Clearing,
    Correction,
    CreditLimitChange,
    Direction,
    Payment,
    PaymentReturn,
    Refund,
    Reversal,
    StatusChange,
)
from txplatform.domain.cause import CommandOrigin, KeyCause, OperatorCause
from txplatform.domain.ids import AccountId, PaymentId, TransactionId
from txplatform.domain.requests import (
    HoldExpiry,
    Increment,
    Merchant,
    Opening,
    OperatorStatus,
    Purchase,
)
from txplatform.domain.status import AccountStatus, FreezeReason

ACCOUNT = AccountId("acc-1")
"""The account for tests that need only one."""

SHOP = Merchant("m-17", "Corner Books", "5942", "USA")
NOW = datetime(2026, 11, 20, 10, 15, tzinfo=UTC)
ORIGIN = CommandOrigin(KeyCause("key_1", "test"), "00-0-0-00")
OPERATOR = OperatorCause("me")


def opening(
    account_id: str,
    credit_limit: int = 100_000,
    currency: str = "USD",
    *,
    opening_balance: int = 0,
) -> Opening:
    """An account opening."""
    return Opening(AccountId(account_id), currency, credit_limit, NOW, opening_balance)


def limit_change(
    account_id: str, version: int, credit_limit: int, currency: str = "USD"
) -> CreditLimitChange:
    """A credit limit change."""
    return CreditLimitChange(AccountId(account_id), credit_limit, currency, version, NOW)


def purchase(account_id: str, transaction_id: str, amount: int, currency: str = "USD") -> Purchase:
    """A purchase at `SHOP`."""
    return Purchase(TransactionId(transaction_id), AccountId(account_id), amount, currency, SHOP)


def payment(account_id: str, payment_id: str, amount: int, currency: str = "USD") -> Payment:
    """A payment by the cardholder."""
    return Payment(PaymentId(payment_id), AccountId(account_id), amount, currency, NOW)


def payment_return(
    account_id: str, payment_id: str, amount: int, currency: str = "USD"
) -> PaymentReturn:
    """The return of a payment by the bank."""
    return PaymentReturn(
        PaymentId(payment_id), AccountId(account_id), amount, currency, "insufficient", NOW
    )


def increment(account_id: str, transaction_id: str, increment_id: str, amount: int) -> Increment:
    """An increment of an authorization."""
    return Increment(increment_id, TransactionId(transaction_id), AccountId(account_id), amount)


def reversal(
    account_id: str, transaction_id: str, reversal_id: str, amount: int | None = None
) -> Reversal:
    """A reversal of an authorization, full if the amount is None."""
    return Reversal(reversal_id, TransactionId(transaction_id), AccountId(account_id), amount)


def clearing(  # noqa: PLR0913  # a clearing has as many fields
    account_id: str,
    transaction_id: str | None,
    clearing_id: str,
    amount: int,
    *,
    final: bool = True,
    currency: str = "USD",
) -> Clearing:
    """A clearing; it names no purchase if the transaction id is None."""
    return Clearing(
        clearing_id, AccountId(account_id), _named(transaction_id), amount, currency, final
    )


def refund(  # noqa: PLR0913  # a refund has as many fields
    account_id: str,
    transaction_id: str | None,
    refund_id: str,
    amount: int,
    *,
    currency: str = "USD",
    merchant: Merchant | None = None,
    presented: bool = False,
) -> Refund:
    """A refund; it names no purchase if the transaction id is None."""
    return Refund(
        refund_id,
        AccountId(account_id),
        _named(transaction_id),
        amount,
        currency,
        merchant=merchant,
        presented=presented,
    )


def correction(  # noqa: PLR0913  # a correction has as many fields
    account_id: str,
    transaction_id: str | None,
    clearing_id: str,
    reverses: str,
    amount: int,
    direction: Direction = Direction.CREDIT,
) -> Correction:
    """A correction of a clearing, or of a refund if the direction is debit."""
    named = _named(transaction_id)
    return Correction(clearing_id, AccountId(account_id), named, reverses, direction, amount, "USD")


def expiry(account_id: str, transaction_id: str) -> HoldExpiry:
    """A request to expire a hold."""
    return HoldExpiry(AccountId(account_id), TransactionId(transaction_id))


def operator_status(
    account_id: str, status_id: str, status: str, reason_code: FreezeReason | None = None
) -> OperatorStatus:
    """A status set by an operator."""
    return OperatorStatus(
        status_id, AccountId(account_id), AccountStatus(status), "why", reason_code
    )


def team_status(
    account_id: str,
    version: int,
    status: str,
    reason: str = "why",
    reason_code: str | None = None,
) -> StatusChange:
    """A status set by the accounts team."""
    return StatusChange(
        AccountId(account_id), AccountStatus(status), version, reason, NOW, reason_code
    )


def _named(transaction_id: str | None) -> TransactionId | None:
    return None if transaction_id is None else TransactionId(transaction_id)

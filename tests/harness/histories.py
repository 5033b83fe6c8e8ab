"""Accounts with a history in the real log, made by the same commands that the product uses."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import psycopg

from txplatform.domain.account import DecisionContext
from txplatform.domain.commands.authorize import Authorize
from txplatform.domain.commands.change_limit import ChangeLimit
from txplatform.domain.commands.change_status import ChangeStatus, SetStatus
from txplatform.domain.commands.clear_purchase import ClearPurchase
from txplatform.domain.commands.correct_clearing import CorrectClearing
from txplatform.domain.commands.expire_hold import ExpireHold
from txplatform.domain.commands.increment_authorization import IncrementAuthorization
from txplatform.domain.commands.open_account import OpenAccount
from txplatform.domain.commands.outcome import Command
from txplatform.domain.commands.receive_payment import ReceivePayment
from txplatform.domain.commands.refund_purchase import RefundPurchase
from txplatform.domain.commands.return_payment import ReturnPayment
from txplatform.domain.commands.reverse_authorization import ReverseAuthorization
from txplatform.domain.ids import AccountId, PaymentId, TransactionId
from txplatform.domain.purchase import Merchant, Purchase
from txplatform.domain.rulesets import DEFAULT_RULESET, RuleSet
from txplatform.domain.status import AccountStatus
from txplatform.domain.values import (
    Clearing,
    Correction,
    Direction,
    Increment,
    LimitChange,
    Opening,
    OperatorStatus,
    Payment,
    PaymentReturn,
    Refund,
    Reversal,
    StatusChange,
)
from txplatform.eventstore.query import run
from txplatform.processing.execution import execute_in_order
from txplatform.processing.unit_of_work import PendingCommand, UnitOfWork

SHOP = Merchant("m-17", "Corner Books", "5942", "USA")
BEGIN = datetime(2026, 11, 20, 10, 15, tzinfo=UTC)
_numbers = itertools.count(1)


def opened(account_id: str, credit_limit: int = 100_000, currency: str = "USD") -> OpenAccount:
    """The account is opened."""
    return OpenAccount(Opening(AccountId(account_id), currency, credit_limit, BEGIN))


def limit(account_id: str, version: int, credit_limit: int) -> ChangeLimit:
    """The limit is changed."""
    return ChangeLimit(LimitChange(AccountId(account_id), credit_limit, "USD", version, BEGIN))


def purchase(account_id: str, transaction_id: str, amount: int, currency: str = "USD") -> Authorize:
    """A purchase at the shop."""
    return Authorize(
        Purchase(TransactionId(transaction_id), AccountId(account_id), amount, currency, SHOP)
    )


def payment(account_id: str, payment_id: str, amount: int, currency: str = "USD") -> ReceivePayment:
    """The cardholder pays."""
    return ReceivePayment(
        Payment(PaymentId(payment_id), AccountId(account_id), amount, currency, BEGIN)
    )


def payment_return(account_id: str, payment_id: str, amount: int) -> ReturnPayment:
    """The bank takes a payment back."""
    return ReturnPayment(
        PaymentReturn(
            PaymentId(payment_id), AccountId(account_id), amount, "USD", "insufficient", BEGIN
        )
    )


def increment(
    account_id: str, transaction_id: str, increment_id: str, amount: int
) -> IncrementAuthorization:
    """The merchant asks to hold more."""
    return IncrementAuthorization(
        Increment(increment_id, TransactionId(transaction_id), AccountId(account_id), amount)
    )


def reversal(
    account_id: str, transaction_id: str, reversal_id: str, amount: int | None = None
) -> ReverseAuthorization:
    """The merchant gives a purchase up, or a part of it."""
    return ReverseAuthorization(
        Reversal(reversal_id, TransactionId(transaction_id), AccountId(account_id), amount)
    )


def clearing(
    account_id: str, transaction_id: str, clearing_id: str, amount: int, *, final: bool = True
) -> ClearPurchase:
    """The network settles a purchase, or a part of it."""
    return ClearPurchase(
        Clearing(
            clearing_id, AccountId(account_id), TransactionId(transaction_id), amount, "USD", final
        )
    )


def refund(
    account_id: str, transaction_id: str | None, refund_id: str, amount: int
) -> RefundPurchase:
    """The merchant gives money back, of a purchase or of none."""
    named = None if transaction_id is None else TransactionId(transaction_id)
    return RefundPurchase(Refund(refund_id, AccountId(account_id), named, amount, "USD"))


def correction(
    account_id: str, transaction_id: str, clearing_id: str, reverses: str, amount: int
) -> CorrectClearing:
    """The network takes a clearing back."""
    return CorrectClearing(
        Correction(
            clearing_id,
            AccountId(account_id),
            TransactionId(transaction_id),
            reverses,
            Direction.CREDIT,
            amount,
            "USD",
        )
    )


def expiry(account_id: str, transaction_id: str) -> ExpireHold:
    """A hold's time has come, or has it?"""
    return ExpireHold(AccountId(account_id), TransactionId(transaction_id))


def operator_status(account_id: str, status_id: str, status: str) -> SetStatus:
    """An operator freezes, closes or releases the account."""
    return SetStatus(OperatorStatus(status_id, AccountId(account_id), AccountStatus(status), "why"))


def team_status(account_id: str, version: int, status: str) -> ChangeStatus:
    """The accounts team does."""
    return ChangeStatus(
        StatusChange(AccountId(account_id), AccountStatus(status), version, "why", BEGIN)
    )


def record(
    connection: psycopg.Connection,
    commands: Iterable[Command],
    *,
    begin: datetime = BEGIN,
    ruleset: RuleSet = DEFAULT_RULESET,
) -> int:
    """Decide these and append what they record in one commit; gives the number of events.

    A command that is rejected records nothing, as in the product.
    """
    pending = [PendingCommand.of(command, "00-0-0-00", look_up=True) for command in commands]
    work = UnitOfWork()

    def context_of(command: PendingCommand) -> DecisionContext:
        return DecisionContext(
            begin + timedelta(milliseconds=next(_numbers)),
            lambda: f"event-{next(_numbers)}",
            command.traceparent,
            ruleset,
        )

    with connection.transaction():
        execute_in_order(connection, work, pending, context_of)
        run(connection, work.append())
    assert not work.conflicts
    return len(work.events)

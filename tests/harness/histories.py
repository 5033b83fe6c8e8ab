"""Accounts with a history in the real log, made by the same commands that the product uses."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

import psycopg

from harness.postgres import TestDatabase
from txplatform.database import Database
from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.advices import (
    Clearing,
    Correction,
    Direction,
    LimitChange,
    Payment,
    PaymentReturn,
    Refund,
    Reversal,
    StatusChange,
)
from txplatform.domain.commands import Command
from txplatform.domain.ids import AccountId, PaymentId, TransactionId
from txplatform.domain.requests import (
    HoldExpiry,
    Increment,
    Merchant,
    Opening,
    OperatorStatus,
    Purchase,
)
from txplatform.domain.rulesets import DEFAULT_RULESET, RuleSet
from txplatform.domain.status import AccountStatus
from txplatform.eventstore.accounts import Accounts
from txplatform.eventstore.log import read_log
from txplatform.eventstore.query import run_queries
from txplatform.eventstore.statements import LoggedEvent
from txplatform.processing.execution import execute_in_order
from txplatform.processing.pending_command import PendingCommand
from txplatform.processing.unit_of_work import UnitOfWork

SHOP = Merchant("m-17", "Corner Books", "5942", "USA")
BEGIN = datetime(2026, 11, 20, 10, 15, tzinfo=UTC)
_numbers = itertools.count(1)


def opened(account_id: str, credit_limit: int = 100_000, currency: str = "USD") -> Opening:
    """The account is opened."""
    return Opening(AccountId(account_id), currency, credit_limit, BEGIN)


def limit(account_id: str, version: int, credit_limit: int) -> LimitChange:
    """The limit is changed."""
    return LimitChange(AccountId(account_id), credit_limit, "USD", version, BEGIN)


def purchase(account_id: str, transaction_id: str, amount: int, currency: str = "USD") -> Purchase:
    """A purchase at the shop."""
    return Purchase(TransactionId(transaction_id), AccountId(account_id), amount, currency, SHOP)


def payment(account_id: str, payment_id: str, amount: int, currency: str = "USD") -> Payment:
    """The cardholder pays."""
    return Payment(PaymentId(payment_id), AccountId(account_id), amount, currency, BEGIN)


def payment_return(account_id: str, payment_id: str, amount: int) -> PaymentReturn:
    """The bank takes a payment back."""
    return PaymentReturn(
        PaymentId(payment_id), AccountId(account_id), amount, "USD", "insufficient", BEGIN
    )


def increment(account_id: str, transaction_id: str, increment_id: str, amount: int) -> Increment:
    """The merchant asks to hold more."""
    return Increment(increment_id, TransactionId(transaction_id), AccountId(account_id), amount)


def reversal(
    account_id: str, transaction_id: str, reversal_id: str, amount: int | None = None
) -> Reversal:
    """The merchant gives a purchase up, or a part of it."""
    return Reversal(reversal_id, TransactionId(transaction_id), AccountId(account_id), amount)


def clearing(
    account_id: str, transaction_id: str, clearing_id: str, amount: int, *, final: bool = True
) -> Clearing:
    """The network settles a purchase, or a part of it."""
    return Clearing(
        clearing_id, AccountId(account_id), TransactionId(transaction_id), amount, "USD", final
    )


def refund(account_id: str, transaction_id: str | None, refund_id: str, amount: int) -> Refund:
    """The merchant gives money back, of a purchase or of none."""
    named = None if transaction_id is None else TransactionId(transaction_id)
    return Refund(refund_id, AccountId(account_id), named, amount, "USD")


def correction(
    account_id: str, transaction_id: str, clearing_id: str, reverses: str, amount: int
) -> Correction:
    """The network takes a clearing back."""
    return Correction(
        clearing_id,
        AccountId(account_id),
        TransactionId(transaction_id),
        reverses,
        Direction.CREDIT,
        amount,
        "USD",
    )


def expiry(account_id: str, transaction_id: str) -> HoldExpiry:
    """A hold's time has come, or has it?"""
    return HoldExpiry(AccountId(account_id), TransactionId(transaction_id))


def operator_status(account_id: str, status_id: str, status: str) -> OperatorStatus:
    """An operator freezes, closes or releases the account."""
    return OperatorStatus(status_id, AccountId(account_id), AccountStatus(status), "why")


def team_status(account_id: str, version: int, status: str) -> StatusChange:
    """The accounts team does."""
    return StatusChange(AccountId(account_id), AccountStatus(status), version, "why", BEGIN)


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
        run_queries(connection, work.append())
    assert not work.conflicts
    return len(work.events)


def stored_account(database: TestDatabase, account_id: str) -> Account:
    """The account as its snapshot and events say."""
    with Database(database.service_url).connect() as connection:
        return Accounts(connection).account(AccountId(account_id))


def read_whole_log(connection: psycopg.Connection) -> Iterator[LoggedEvent]:
    """Every event, as the log stands when its end is reached."""
    position = 0
    while batch := read_log(connection, position):
        yield from batch
        position = batch[-1].position

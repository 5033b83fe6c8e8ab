"""Checks of an advice against its account."""

from txplatform.domain.account import Account
from txplatform.domain.advices import (
    Clearing,
    Correction,
    Payment,
    PaymentReturn,
    Refund,
    WaitingMessage,
)
from txplatform.domain.commands.outcome import CommandRejectedError, RefusalReason
from txplatform.domain.currencies import format_money
from txplatform.domain.money import MAX_BALANCE
from txplatform.domain.requests import Opening


def check_currency(advice: WaitingMessage, account: Account) -> None:
    """Check that an advice is in the account's currency.

    Raises:
        CommandRejectedError: The currencies differ.
    """
    if advice.currency != account.currency:
        raise CommandRejectedError(
            RefusalReason.CURRENCY_MISMATCH,
            f"{advice.LABEL} is in {advice.currency}, but the account is in {account.currency}.",
            "Send it in the account's currency.",
            ("currency",),
        )


def check_posting(
    advice: Payment | PaymentReturn | Clearing | Correction | Refund, account: Account, change: int
) -> None:
    """Check that an advice can be posted to an opened account.

    `change` is the resulting change of the posted balance, in minor units.

    Raises:
        CommandRejectedError: The currencies differ, or the balance would exceed the supported
            range.
    """
    check_currency(advice, account)
    check_balance(advice, account.posted + change)


def check_balance(
    command: Opening | Payment | PaymentReturn | Clearing | Correction | Refund, posted: int
) -> None:
    """Check that the posted balance after a command, in minor units, is in the supported range.

    Raises:
        CommandRejectedError: The balance would exceed the supported range.
    """
    if abs(posted) > MAX_BALANCE:
        raise CommandRejectedError(
            RefusalReason.BALANCE_OUT_OF_RANGE,
            f"{command.LABEL} would take the balance to {format_money(posted, command.currency)}, "
            f"beyond the limit of {format_money(MAX_BALANCE, command.currency)}.",
            "Check the amount.",
            ("amount",),
        )

"""Checks of an advice against its account."""

from txplatform.domain.account import Account
from txplatform.domain.advices import Clearing, Correction, Payment, Refund, WaitingMessage
from txplatform.domain.commands.outcome import CommandRejectedError, RefusalReason
from txplatform.domain.money import MAX_BALANCE


def check_currency(advice: WaitingMessage, account: Account) -> None:
    """Check that an advice is in the account's currency.

    Raises:
        CommandRejectedError: The currencies differ.
    """
    if advice.currency != account.currency:
        raise CommandRejectedError(
            RefusalReason.CURRENCY_MISMATCH,
            f"{advice.label} is in {advice.currency}, but the account is in {account.currency}.",
            "Send it in the account's currency.",
        )


def check_posting(
    advice: Payment | Clearing | Correction | Refund, account: Account, change: int
) -> None:
    """Check that an advice may change an opened account's posted balance by `change` minor units.

    Raises:
        CommandRejectedError: The currencies differ, or the balance would exceed the supported
            range.
    """
    check_currency(advice, account)
    posted = account.posted + change
    if abs(posted) > MAX_BALANCE:
        raise CommandRejectedError(
            RefusalReason.BALANCE_OUT_OF_RANGE,
            f"{advice.label} would take the balance to {posted}, beyond the limit {MAX_BALANCE}.",
            "Check the amount.",
        )

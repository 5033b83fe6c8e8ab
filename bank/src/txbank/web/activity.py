"""The activity of an account: its balance, newest purchases, payments and bounced payments."""

from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter

from txplatform_client import AccountBalance, Client, Posting, ProblemError, Transaction

ROWS = 30
"""The number of rows that are shown."""


@dataclass(frozen=True)
class Row:
    """A line of the list.

    Attributes:
        state: A key of `WORDS`; the colour in `bank.css` is named after it.
        amount: The change for the cardholder, minor units: negative for a purchase.
        transaction_id: The purchase, for the link to it; None for a payment.
    """

    at: datetime
    title: str
    state: str
    amount: int | None
    detail: str = ""
    transaction_id: str | None = None


@dataclass(frozen=True)
class Activity:
    """The contents of an account's page.

    Attributes:
        rows: Newest first.
        position: The log position up to which the purchases are complete.
    """

    balance: AccountBalance
    rows: list[Row]
    position: int


def read_activity(platform: Client, account_id: str) -> Activity | None:
    """Ask the platform for an account; return None if the platform does not know it yet."""
    try:
        balance = platform.read_balance(account_id)
    except ProblemError as error:
        if error.type == "account-not-found":
            return None
        raise
    purchases = platform.list_transactions(account_id, limit=ROWS).page()
    postings = platform.list_postings(account_id, limit=ROWS).page()
    rows = [_purchase(each) for each in purchases.items]
    rows += [
        _payment(each) for each in postings.items if each.kind in {"payment", "payment_return"}
    ]
    rows.sort(key=attrgetter("at"), reverse=True)
    return Activity(balance, rows[:ROWS], purchases.as_of_position)


def _purchase(transaction: Transaction) -> Row:
    amount = transaction.amount if transaction.amount is not None else transaction.posted
    details = [reason.message for reason in transaction.reasons]
    if transaction.refunded:
        details.append("Refunded")
    return Row(
        at=transaction.recorded_at,
        title=(transaction.merchant and transaction.merchant.name) or "Purchase",
        state=transaction.state,
        amount=-amount,
        detail=" ".join(details),
        transaction_id=transaction.transaction_id,
    )


def _payment(posting: Posting) -> Row:
    bounced = posting.kind == "payment_return"
    return Row(
        at=posting.recorded_at,
        title="Payment bounced" if bounced else "Payment received",
        state="returned" if bounced else "cleared",
        amount=-posting.amount,
    )

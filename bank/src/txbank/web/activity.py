"""The activity of an account: its balance, and the newest of what is booked, held or declined."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter

from txbank.web.services import Services
from txplatform_client import AccountBalance, Posting, Transaction

ROWS = 30
"""The number of rows that are shown."""
_TRANSACTIONS = 100
"""More than there are rows, since postings show the merchants' names of older purchases."""

_NOT_BOOKED = {"held", "declined", "reversed", "expired"}
_KINDS = {
    "clearing": "Purchase",
    "correction": "Correction",
    "refund": "Refund",
    "payment": "Payment received",
    "payment_return": "Payment bounced",
    "opening_balance": "Opening balance",
}


@dataclass(frozen=True)
class Row:
    """A line of the list.

    Attributes:
        state: A key of `WORDS`; the colour in `bank.css` is named after it.
        amount: The change for the cardholder, minor units of `currency`: negative for a purchase.
        transaction_id: The purchase, for the link to it; None for a payment.
    """

    at: datetime
    title: str
    state: str
    amount: int | None
    currency: str | None
    detail: str = ""
    transaction_id: str | None = None


@dataclass(frozen=True)
class Activity:
    """The contents of an account's page.

    Attributes:
        rows: Newest first. The booked ones are postings, so they add up to the balance. What is not
            booked of a purchase has a row of its own.
        position: The log position up to which the purchases are complete.
    """

    balance: AccountBalance
    rows: list[Row]
    position: int


def read_activity(services: Services, account_id: str) -> Activity | None:
    """Ask the platform for an account; return None if the platform does not know it yet."""
    balance = services.find_balance(account_id)
    if balance is None:
        return None
    transactions = services.platform.list_transactions(account_id, limit=_TRANSACTIONS).page()
    postings = services.platform.list_postings(account_id, limit=ROWS).page()
    names = {each.transaction_id: _name(each) for each in transactions.items}
    rows = [_booked(each, names) for each in postings.items]
    rows += [
        _not_booked(each, balance.currency)
        for each in transactions.items
        if each.state in _NOT_BOOKED or _is_verification(each)
    ]
    rows.sort(key=attrgetter("at"), reverse=True)
    return Activity(balance, rows[:ROWS], transactions.as_of_position)


def _booked(posting: Posting, names: Mapping[str, str]) -> Row:
    kind = _KINDS[posting.kind]
    name = names.get(posting.transaction_id or "", "")
    return Row(
        at=posting.recorded_at,
        title=name or kind,
        state="returned" if posting.kind == "payment_return" else "cleared",
        amount=-posting.amount,
        currency=posting.currency,
        detail=kind if name and posting.kind != "clearing" else "",
        transaction_id=posting.transaction_id,
    )


def _not_booked(transaction: Transaction, currency: str) -> Row:
    amount = transaction.amount
    if transaction.state == "held":
        amount = transaction.hold
    else:
        currency = transaction.currency or currency  # a declined purchase may have any
    return Row(
        at=transaction.recorded_at,
        title=_name(transaction) or "Purchase",
        state="approved" if _is_verification(transaction) else transaction.state,
        amount=None if amount is None else -amount,
        currency=currency,
        detail=" ".join(reason.message for reason in transaction.reasons),
        transaction_id=transaction.transaction_id,
    )


def _is_verification(transaction: Transaction) -> bool:
    """Return whether a purchase of 0 was approved, which holds and books nothing."""
    return transaction.state == "cleared" and not transaction.cleared


def _name(transaction: Transaction) -> str:
    return (transaction.merchant and transaction.merchant.name) or ""

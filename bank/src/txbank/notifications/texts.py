"""The texts of the mails about events."""

from typing import NamedTuple

from txplatform_client import Balance, Merchant, Money
from txplatform_client.kafka import (
    AuthorizationIncremented,
    HoldExpired,
    Message,
    OpeningApplied,
    PaymentApplied,
    PaymentReturnApplied,
    TransactionCleared,
    TransactionDecisioned,
    TransactionRefunded,
    TransactionReversed,
)


class Text(NamedTuple):
    """The text of a mail: its subject, and its sentences."""

    subject: str
    sentences: tuple[str, ...]


def is_told(message: Message) -> bool:
    """Return whether the cardholder gets a mail about an event.

    There is none about a clearing that posts at most what it releases from a hold, since the
    decision had one; about a reversal that releases nothing; or about the decision on an amount
    of 0.
    """
    match message:
        case TransactionCleared(reverses_clearing_id=None) if message.amount <= message.released:
            return False
        case TransactionReversed(released=0) | TransactionDecisioned(amount=0):
            return False
        case _:
            return True


def write_text(message: Message, currency: str) -> Text:  # noqa: C901, PLR0912  # one case an event
    """Return the text of the mail about an event.

    Args:
        message: An event for which `is_told` is true.
        currency: The currency of the account.
    """

    def money(minor: int) -> str:
        return str(Money(minor, currency))

    def available(balance: Balance | None) -> str:
        return f"Your available credit is {money(balance.available)}." if balance else ""

    match message:
        case TransactionDecisioned(approved=True):
            what = f"Your purchase of {message.money} at {_name(message.merchant)} was approved."
            told = Text("Purchase approved", (what, available(message.balance)))
        case TransactionDecisioned():
            what = f"Your purchase of {message.money} at {_name(message.merchant)} was declined."
            told = Text("Purchase declined", (what, message.reasons[0].message))
        case AuthorizationIncremented(decision="approved"):
            what = f"Another {money(message.amount)} was reserved for your purchase."
            told = Text("Reservation raised", (what, available(message.balance)))
        case AuthorizationIncremented():
            what = f"Another {money(message.amount)} for your purchase was declined."
            told = Text("Reservation not raised", (what, message.reasons[0].message))
        case TransactionCleared() if message.amount < 0:
            what = f"A charge of {-message.money} was taken back by {_name(message.merchant)}."
            told = Text("Charge taken back", (what, available(message.balance)))
        case TransactionCleared(reverses_clearing_id=str()):
            what = f"A refund of {message.money} was taken back by {_name(message.merchant)}."
            told = Text("Refund taken back", (what, available(message.balance)))
        case TransactionCleared():
            what = f"{message.money} was charged to your card by {_name(message.merchant)}."
            told = Text("Card charged", (what, available(message.balance)))
        case TransactionReversed():
            what = f"{money(message.released)} of your purchase was released by the merchant."
            told = Text("Purchase reversed", (what, available(message.balance)))
        case TransactionRefunded():
            what = f"{message.money} was refunded to you by {_name(message.merchant)}."
            told = Text("Refund", (what, available(message.balance)))
        case HoldExpired():
            what = f"{money(message.released)} is no longer reserved for your purchase."
            told = Text("Reservation ended", (what, available(message.balance)))
        case OpeningApplied():
            what = f"Your account is open, with a credit limit of {money(message.credit_limit)}."
            told = Text("Your account is open", (what,))
        case PaymentApplied():
            what = f"Your payment of {message.money} has arrived. Thank you."
            told = Text("Payment received", (what, available(message.balance)))
        case PaymentReturnApplied():
            reason = f": {message.reason}" if message.reason else ""
            what = f"Your payment of {message.money} was returned by your bank{reason}."
            owed = f"You owe {money(max(message.balance.posted, 0))}."
            told = Text("Payment returned", (what, owed))
        case _:
            raise AssertionError(f"{message.TOPIC} is not a topic that the platform publishes")
    return told._replace(sentences=tuple(filter(None, told.sentences)))


def _name(merchant: Merchant | None) -> str:
    return (merchant and merchant.name) or "a merchant"

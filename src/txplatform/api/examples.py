"""A purchase and its events, used in the OpenAPI examples of all endpoints."""

from datetime import UTC, datetime
from typing import TypeVar

from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.advices import Clearing
from txplatform.domain.cause import CommandOrigin, KeyCause
from txplatform.domain.commands import Command, decide
from txplatform.domain.commands.prior_events import PriorEvents
from txplatform.domain.events import AccountEvent, AuthorizationApproved
from txplatform.domain.ids import AccountId, TransactionId
from txplatform.domain.requests import Merchant, Opening, Purchase

AT = datetime(2026, 11, 20, 10, 15, 0, 123456, UTC)
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
_ORIGIN = CommandOrigin(KeyCause("key_5f2a9c01d3e4", "checkout"), TRACEPARENT)
ACCOUNT = AccountId("acc-1")
TRANSACTION = TransactionId("tx-1001")
PURCHASE = Purchase(
    TRANSACTION,
    ACCOUNT,
    1250,
    "USD",
    Merchant("m-17", "Corner Books", "5942", "USA"),
    1150,
    "EUR",
    AT.replace(microsecond=0),
)
CLEARING = Clearing("clr-1", ACCOUNT, TRANSACTION, 1200, "USD")
_OPENING = Opening(ACCOUNT, "USD", 500_000, AT)

Event = TypeVar("Event", bound=AccountEvent)


def event(kind: type[Event], *commands: Command) -> Event:
    """Open an account, approve a purchase, execute the commands, and return the last event.

    The last event must be of type `kind`.
    """
    account, prior = Account.unopened(ACCOUNT), PriorEvents()
    prior.transactions.add(TRANSACTION)
    context = DecisionContext(AT, lambda: "0198a3c27d417b6e9f103c5e8a2d4b17", _ORIGIN)
    last: AccountEvent | None = None
    for command in (_OPENING, PURCHASE, *commands):
        last = decide(command, account, prior, context).event
        prior[last.key] = last
    assert isinstance(last, kind)
    return last


APPROVED = event(AuthorizationApproved)

"""An example of each answer, for the API's description: one purchase, seen from every side."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from txplatform.api.events import AccountEventPage, EventPage, event_item
from txplatform.api.inbound_messages import InboundMessagePage
from txplatform.api.probes import ProbeAnswer
from txplatform.consumers.ledger import InboundMessage
from txplatform.consumers.verdict import MessageStatus
from txplatform.contracts.accounts import BalanceAnswer
from txplatform.contracts.decision import decision_answer
from txplatform.contracts.encoding import to_json
from txplatform.contracts.times import rfc3339
from txplatform.domain.account import Account, Stamp
from txplatform.domain.commands.authorize import Authorize
from txplatform.domain.commands.open_account import OpenAccount
from txplatform.domain.commands.stored import Stored
from txplatform.domain.events import AuthorizationApproved
from txplatform.domain.facts import Opening
from txplatform.domain.ids import AccountId, TransactionId
from txplatform.domain.purchase import Merchant, Purchase
from txplatform.eventstore.statements import LoggedEvent
from txplatform.projections.cursors import cursor_at
from txplatform.projections.transactions import Transaction, TransactionEvent, TransactionPage

if TYPE_CHECKING:
    from txplatform.domain.commands.outcome import Command

_ACCOUNT = AccountId("acc-1")
_TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
_AT = datetime(2026, 11, 20, 10, 15, 0, 123456, UTC)
_PURCHASE = Purchase(
    TransactionId("tx-1001"),
    _ACCOUNT,
    1250,
    "USD",
    Merchant("m-17", "Corner Books", "5942", "USA"),
    1150,
    "EUR",
    _AT.replace(microsecond=0),
)


def _decide(*commands: Command) -> AuthorizationApproved:
    """What the last of these commands comes to, on a new account."""
    account = Account.unopened(_ACCOUNT)
    stamp = Stamp(_AT, lambda: "0198a3c2-7d41-7b6e-9f10-3c5e8a2d4b17", _TRACE)
    event = [command.decide(account, Stored(), stamp).event for command in commands][-1]
    assert isinstance(event, AuthorizationApproved)
    return event


_APPROVED = _decide(OpenAccount(Opening(_ACCOUNT, "USD", 500_000, _AT)), Authorize(_PURCHASE))


def answer_examples() -> dict[str, Any]:
    """Examples by the name of the answer's schema."""
    transaction, event = _transaction(), event_item(LoggedEvent(4711, _AT, _APPROVED))
    answers = (
        decision_answer(_APPROVED),
        BalanceAnswer(_ACCOUNT, "USD", "active", 500_000, 0, 1250, 498_750, 2, rfc3339(_AT)),
        transaction,
        TransactionPage([transaction], cursor_at(2), 4711),
        EventPage([event], event.cursor),
        AccountEventPage([event], None),
        InboundMessagePage([_inbound_message()], None),
        ProbeAnswer("ready", ""),
    )
    return {type(answer).__name__: orjson.loads(to_json(answer)) for answer in answers}


def _transaction() -> Transaction:
    return Transaction(
        transaction_id=_PURCHASE.transaction_id,
        account_id=_ACCOUNT,
        decision="approved",
        response_code=_APPROVED.response_code,
        authorization_code=_APPROVED.authorization_code,
        reasons=(),
        amount=_PURCHASE.amount,
        currency=_PURCHASE.currency,
        merchant=_PURCHASE.merchant,
        original_amount=_PURCHASE.original_amount,
        original_currency=_PURCHASE.original_currency,
        occurred_at=_PURCHASE.occurred_at,
        decided_at=_AT,
        balance=_APPROVED.balance,
        ruleset=_APPROVED.ruleset,
        account_version=2,
        event_id=_APPROVED.event_id,
        log_position=4711,
        events=(TransactionEvent(_APPROVED.TOPIC, _APPROVED.event_id, 2, _AT),),
    )


def _inbound_message() -> InboundMessage:
    return InboundMessage(
        id=17,
        cluster_id="MkU3OEVBNTcwNTJENDM2Qg",
        topic="payments.payment-submitted.v1",
        partition=3,
        offset=205,
        sent_at=_AT,
        received_at=_AT,
        traceparent=_TRACE,
        account_id=_ACCOUNT,
        business_key="payment:pay-7",
        status=MessageStatus.APPLIED,
        reason=None,
        detail=None,
        event_id="0198a3c2-9a02-7c11-8d55-6f2b1e9c0a33",
        account_version=3,
        resolved_at=None,
        resolution=None,
    )

"""An example of each answer, for the API's description: one purchase, seen from every side."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, TypeVar

import orjson

from txplatform.api.events import AccountEventPage, EventPage, event_item
from txplatform.api.inbound_messages import InboundMessagePage
from txplatform.api.probes import ProbeResponse
from txplatform.api.ruleset_examples import ruleset_examples
from txplatform.contracts.account_status import status_answer
from txplatform.contracts.accounts import BalanceResponse
from txplatform.contracts.clearing import clearing_answer
from txplatform.contracts.clearing_batch import ClearingBatchResponse, ClearingItemResponse
from txplatform.contracts.controls import ControlsInForce, controls_answer
from txplatform.contracts.decision import decision_response, dry_run_answer
from txplatform.contracts.encoding import to_json
from txplatform.contracts.increment import increment_answer
from txplatform.contracts.refund import refund_answer
from txplatform.contracts.reversal import reversal_answer
from txplatform.contracts.times import rfc3339
from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.advices import Clearing, Refund, Reversal
from txplatform.domain.commands import Command, decide
from txplatform.domain.commands.prior_events import PriorEvents
from txplatform.domain.events import (
    AccountEvent,
    AuthorizationApproved,
    AuthorizationIncremented,
    AuthorizationReversed,
    ControlsChanged,
    OperatorStatusSet,
    PurchaseCleared,
    PurchaseRefunded,
)
from txplatform.domain.ids import AccountId, TransactionId
from txplatform.domain.requests import (
    ControlsChange,
    Increment,
    Merchant,
    Opening,
    OperatorStatus,
    Purchase,
)
from txplatform.domain.status import AccountStatus
from txplatform.eventstore.statements import LoggedEvent
from txplatform.inbox.message_outcome import MessageStatus
from txplatform.inbox.reader import InboundMessage
from txplatform.projections.cursors import cursor_at
from txplatform.projections.transaction_history import transaction_of
from txplatform.projections.transactions import TransactionPage

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


_EVENT = TypeVar("_EVENT", bound="AccountEvent")


def _decide(kind: type[_EVENT], *commands: Command) -> _EVENT:
    """What the last of these commands comes to, on a new account where the purchase is held."""
    account, stored = Account.unopened(_ACCOUNT), PriorEvents()
    stored.transactions.add(_PURCHASE.transaction_id)
    context = DecisionContext(_AT, lambda: "0198a3c2-7d41-7b6e-9f10-3c5e8a2d4b17", _TRACE)
    event: AccountEvent | None = None
    asked: tuple[Command, ...] = (_OPENING, _PURCHASE, *commands)
    for command in asked:
        event = decide(command, account, stored, context).event
        stored[event.key] = event
    assert isinstance(event, kind)
    return event


_OPENING = Opening(_ACCOUNT, "USD", 500_000, _AT)
_CLEARING = Clearing("clr-1", _ACCOUNT, _PURCHASE.transaction_id, 1200, "USD")
_REFUND = Refund("ref-1", _ACCOUNT, _PURCHASE.transaction_id, 1200, "USD", _PURCHASE.merchant)
_APPROVED = _decide(AuthorizationApproved)
_INCREMENTED = _decide(
    AuthorizationIncremented,
    Increment("inc-1", _PURCHASE.transaction_id, _ACCOUNT, 300),
)
_CLEARED = _decide(PurchaseCleared, _CLEARING)
_REVERSED = _decide(
    AuthorizationReversed,
    Reversal("rev-1", _PURCHASE.transaction_id, _ACCOUNT, 250),
)
_REFUNDED = _decide(PurchaseRefunded, _CLEARING, _REFUND)
_FROZEN = _decide(
    OperatorStatusSet,
    OperatorStatus("st-1", _ACCOUNT, AccountStatus.FROZEN, "The card was reported lost."),
)
_CONTROLLED = _decide(
    ControlsChanged,
    ControlsChange(
        "ctl-1",
        _ACCOUNT,
        ({"rule": "amount_limit", "max_amount": 20_000},),
        "The cardholder asked for it.",
    ),
)


def answer_examples() -> dict[str, Any]:
    """Examples by the name of the answer's schema."""
    event = event_item(LoggedEvent(4711, _AT, _APPROVED))
    transaction = transaction_of(
        _PURCHASE.transaction_id,
        [LoggedEvent(4711, _AT, _APPROVED), LoggedEvent(4720, _AT, _CLEARED)],
    )
    cleared = clearing_answer(_CLEARED)
    answers = (
        decision_response(_APPROVED),
        dry_run_answer(_APPROVED),
        increment_answer(_INCREMENTED),
        cleared,
        reversal_answer(_REVERSED),
        refund_answer(_REFUNDED),
        status_answer(_FROZEN),
        controls_answer(_CONTROLLED),
        ControlsInForce(_ACCOUNT, _CONTROLLED.change.rules, 3, rfc3339(_AT)),
        ClearingBatchResponse.of(
            [
                ClearingItemResponse("clr-1", "clean", clearing=cleared),
                ClearingItemResponse(
                    "clr-2",
                    "bad",
                    "currency_mismatch",
                    "Clearing clr-2 is in EUR, the account is held in USD.",
                ),
            ]
        ),
        BalanceResponse(
            _ACCOUNT, "USD", AccountStatus.ACTIVE, 500_000, 0, 1250, 498_750, 2, rfc3339(_AT)
        ),
        transaction,
        TransactionPage([transaction], cursor_at(2), 4711),
        EventPage([event], event.cursor),
        AccountEventPage([event], None),
        InboundMessagePage([_inbound_message()], None),
        ProbeResponse("ready", ""),
        *ruleset_examples(),
    )
    return {type(answer).__name__: orjson.loads(to_json(answer)) for answer in answers}


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

"""A transaction's whole life as callers see it: its events, and what they come to.

Read from the log itself, each time in one statement: so it never lags, and is as of one version
of the account. Which transactions there are is for the read model beside this to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from txplatform.contracts.decision import Decision, decision_response
from txplatform.contracts.transactions import TransactionEventResponse, TransactionResponse
from txplatform.domain.events import (
    AuthorizationApproved,
    AuthorizationDeclined,
    AuthorizationIncremented,
    AuthorizationReversed,
    ClearingCorrected,
    HoldExpired,
    IncrementDeclined,
    PurchaseCleared,
    PurchaseRefunded,
)
from txplatform.domain.ids import TransactionId, account_of
from txplatform.domain.keys import authorization_key, late_authorization_key
from txplatform.domain.transaction import Transaction
from txplatform.eventstore.statements import LoggedEvent

EVENTS_OF_NAMED = f"""
    SELECT position, originator_id, originator_version, topic, state, recorded_at
    FROM (
        SELECT * FROM events
        WHERE originator_id = %(stream)s
          AND event_key = '{authorization_key("")}' || named.transaction_id
        UNION ALL
        SELECT * FROM events
        WHERE originator_id = %(stream)s
          AND event_key = '{late_authorization_key("")}' || named.transaction_id
        UNION ALL
        SELECT * FROM events
        WHERE originator_id = %(stream)s AND transaction_id = named.transaction_id
    ) life
"""
"""Every event of the transaction that a row `named` of the statement around it names.

Its authorization has a key, what came after it has its id: each of the three is a look-up in an
index. In a `LATERAL (… OFFSET 0)` it stays one, whatever the planner believes.
"""


def transaction_of(
    transaction_id: TransactionId, life: Sequence[LoggedEvent], newest: int | None = None
) -> TransactionResponse:
    """A transaction as its events say.

    Args:
        transaction_id: Its id.
        life: All of its events, at least one, in the order of the account's versions.
        newest: How many events to show at most; all where it is None.
    """
    events = [logged.event for logged in life]
    sums = Transaction.fold(events)
    decided = next((logged for logged in life if isinstance(logged.event, Decision)), None)
    marking = decided or life[0]
    expires_at = None
    for event in events:
        if isinstance(event, AuthorizationApproved) and sums.hold:
            expires_at = event.expires_at
    return TransactionResponse(
        transaction_id=transaction_id,
        account_id=account_of(marking.event.originator_id),
        **_decision(decided),
        account_version=marking.event.originator_version,
        event_id=marking.event.event_id,
        log_position=marking.position,
        state=sums.state,
        hold=sums.hold,
        expires_at=expires_at,
        cleared=sums.cleared,
        corrected=sums.corrected,
        posted=sums.posted,
        refunded=sums.refunded,
        reversed=sums.reversed
        + sum(
            event.released
            for event in events
            if isinstance(event, AuthorizationReversed) and event.reversal.amount is None
        ),
        events_total=len(life),
        events=tuple(_shown(logged) for logged in life[-newest if newest else 0 :]),
    )


def _decision(decided: LoggedEvent | None) -> dict[str, Any]:
    """What was asked and decided."""
    if decided is None:
        return {**dict.fromkeys(_DECIDED), "reasons": ()}
    event = decided.event
    assert isinstance(event, Decision)
    answer, purchase = decision_response(event), event.purchase
    return {
        "decision": answer.decision,
        "response_code": answer.response_code,
        "authorization_code": answer.authorization_code,
        "reasons": answer.reasons,
        "amount": purchase.amount,
        "currency": purchase.currency,
        "merchant": purchase.merchant,
        "original_amount": purchase.original_amount,
        "original_currency": purchase.original_currency,
        "occurred_at": purchase.occurred_at,
        "decided_at": event.timestamp,
        "balance": event.balance,
        "ruleset": event.ruleset,
    }


_DECIDED = (
    "decision",
    "response_code",
    "authorization_code",
    "reasons",
    "amount",
    "currency",
    "merchant",
    "original_amount",
    "original_currency",
    "occurred_at",
    "decided_at",
    "balance",
    "ruleset",
)


def _shown(logged: LoggedEvent) -> TransactionEventResponse:
    event = logged.event
    facts: dict[str, Any] = {}
    match event:
        case AuthorizationApproved() | AuthorizationDeclined():
            facts = {"amount": event.purchase.amount}
        case AuthorizationIncremented(increment=increment) | IncrementDeclined(increment=increment):
            facts = {"amount": increment.amount, "increment_id": increment.increment_id}
        case AuthorizationReversed(reversal=reversal):
            facts = {
                "amount": reversal.amount,
                "released": event.released,
                "reversal_id": reversal.reversal_id,
            }
        case HoldExpired():
            facts = {"released": event.released}
        case PurchaseCleared(clearing=clearing):
            facts = {
                "amount": clearing.amount,
                "released": event.released,
                "clearing_id": clearing.clearing_id,
                "flags": event.flags,
            }
        case ClearingCorrected(correction=correction):
            facts = {
                "amount": correction.amount,
                "clearing_id": correction.clearing_id,
                "reverses_clearing_id": correction.reverses_clearing_id,
                "direction": correction.direction,
                "flags": event.flags,
            }
        case PurchaseRefunded(refund=refund):
            facts = {
                "amount": refund.amount,
                "refund_id": refund.refund_id,
                "flags": event.flags,
            }
    return TransactionEventResponse(
        event.TOPIC, event.event_id, event.originator_version, event.timestamp, **facts
    )

"""A transaction's whole life as callers see it: its events, and what they come to.

Read from the log itself, each time in one statement: so it never lags, and is as of one version
of the account. Which transactions there are is for the read model beside this to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from txplatform.contracts.decision import Decision, decision_response
from txplatform.domain.advices import Direction
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
from txplatform.domain.ids import AccountId, TransactionId, account_of
from txplatform.domain.keys import authorization_key, late_authorization_key
from txplatform.domain.money import Balance
from txplatform.domain.reasons import Reason
from txplatform.domain.requests import Merchant
from txplatform.domain.transaction import Transaction, TransactionState
from txplatform.domain.transaction_flags import Flag
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


@dataclass(frozen=True, slots=True)
class TransactionEvent:
    """One thing that happened to a transaction; money in minor units of the account's currency.

    Attributes:
        type: The event's name in the log, such as `authorization-approved`.
        account_version: The account's version with it.
        at: When it was decided, UTC.
        amount: What was asked for, held, posted or given back; None for a reversal of all.
        released: What it released of the hold.
        clearing_id: Of a clearing or a correction, its own.
        reverses_clearing_id: Of a correction, what it takes back, a clearing or a refund.
        direction: Of a correction: credit takes a clearing back, debit a refund.
        flags: What is unusual about it; it counts all the same.
    """

    type: str
    event_id: str
    account_version: int
    at: datetime
    amount: int | None = None
    released: int | None = None
    increment_id: str | None = None
    reversal_id: str | None = None
    clearing_id: str | None = None
    refund_id: str | None = None
    reverses_clearing_id: str | None = None
    direction: Direction | None = None
    flags: tuple[Flag, ...] = ()


@dataclass(frozen=True, slots=True)
class TransactionView:
    """A purchase, how it was decided, and all that happened to it before and since.

    What is asked and decided is null where it was named, by a clearing for one, and never
    authorized. Money from `hold` on is in minor units of the account's currency, and what all
    events come to, also those that are not shown.

    Attributes:
        decision: None before there is one, as are the fields from `response_code` to `ruleset`.
        response_code: ISO 8583:1987 field 39.
        authorization_code: ISO 8583:1987 field 38; None for a decline.
        reasons: Every rule that refused, most important first.
        amount: What was asked for, minor units of `currency`.
        balance: The money after the decision; None where there was no account.
        account_version: The account's version with the decision, or without one with its first
            event; `event_id` and `log_position` are of the same event.
        log_position: That event's place in the log.
        state: Where it stands.
        hold: What is reserved for it.
        expires_at: When that ends by itself; None where nothing is held, or for ever.
        cleared: What clearings posted.
        corrected: What corrections took back of that, less what they took back of refunds.
        posted: `cleared - corrected`; what is owed for it is that less `refunded`.
        refunded: What refunds gave back.
        reversed: What reversals gave up: of a part what they name, of all what was held.
        events_total: How many events it has.
        events: Its events, oldest first; in a list of transactions the newest 50.
    """

    transaction_id: TransactionId
    account_id: AccountId
    decision: Literal["approved", "declined"] | None
    response_code: str | None
    authorization_code: str | None
    reasons: tuple[Reason, ...]
    amount: int | None
    currency: str | None
    merchant: Merchant | None
    original_amount: int | None
    original_currency: str | None
    occurred_at: datetime | None
    decided_at: datetime | None
    balance: Balance | None
    ruleset: str | None
    account_version: int
    event_id: str
    log_position: int
    state: TransactionState
    hold: int
    expires_at: datetime | None
    cleared: int
    corrected: int
    posted: int
    refunded: int
    reversed: int
    events_total: int
    events: tuple[TransactionEvent, ...]


def transaction_of(
    transaction_id: TransactionId, life: Sequence[LoggedEvent], newest: int | None = None
) -> TransactionView:
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
    return TransactionView(
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


def _shown(logged: LoggedEvent) -> TransactionEvent:
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
    return TransactionEvent(
        event.TOPIC, event.event_id, event.originator_version, event.timestamp, **facts
    )

"""A transaction's history as callers see it: its events and their sums.

It is read from the log in one statement, so it never lags and is as of one version of the account.
The read model `transactions` has which transactions there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import MISSING, dataclass, fields, make_dataclass
from datetime import datetime
from typing import Any, Literal, cast, get_type_hints

from txplatform.contracts.decision import Decision, decision_response
from txplatform.domain.advices import Direction
from txplatform.domain.events import (
    AuthorizationApproved,
    AuthorizationReversed,
    Event,
)
from txplatform.domain.ids import TransactionId, account_of
from txplatform.domain.keys import authorization_key, late_authorization_key
from txplatform.domain.money import Balance
from txplatform.domain.reasons import Reason
from txplatform.domain.requests import Purchase
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
    ) history
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
        amount: The amount asked for, posted or refunded; None for a reversal of all.
        released: The part of the hold that it released.
        clearing_id: The id of a clearing or a correction.
        reverses_clearing_id: The clearing or refund that a correction takes back.
        direction: A correction's: credit takes a clearing back, debit a refund.
        flags: Anything unusual about it; it counts all the same.
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


_TYPES = get_type_hints(Purchase)
PURCHASE_FIELDS = tuple(each.name for each in fields(Purchase))
_Purchase: Any = make_dataclass(
    "_Purchase",
    [
        (name, _TYPES[name] if name in {"transaction_id", "account_id"} else _TYPES[name] | None)
        for name in PURCHASE_FIELDS
    ],
    frozen=True,
    slots=True,
)
"""The fields of a purchase, null except for its ids if there is no purchase."""


@dataclass(frozen=True, slots=True)
class TransactionView(_Purchase):  # type: ignore[misc]  # a class made at run time
    """A purchase, how it was decided, and all that happened to it before and since.

    Without a decision, since a clearing, for example, named a transaction that was never
    authorized, the fields of the purchase and of the decision are null. Money from `hold` on is in
    minor units of the account's currency, and the sum of all events, shown or not.

    Attributes:
        decision: None before there is one, as are the fields from `response_code` to `ruleset`.
        response_code: ISO 8583:1987 field 39.
        authorization_code: ISO 8583:1987 field 38; None for a decline.
        reasons: Every rule that refused, most important first.
        amount: The amount asked for, minor units of `currency`.
        balance: The money after the decision; None if there was no account.
        account_version: The account's version with the decision; without a decision, with the
            transaction's first event. `event_id` and `log_position` are of the same event.
        log_position: That event's position in the log.
        state: Its state after all events.
        hold: The amount reserved for it.
        expires_at: When the hold ends by itself; None without a hold, or for never.
        cleared: The sum of its clearings.
        corrected: The part of `cleared` that corrections took back.
        posted: `cleared - corrected`; the amount owed is this less `refunded`.
        refunded: The sum of its refunds, less what corrections took back of them.
        reversed: The sum of its reversals: the amount that a partial one names, the hold that a
            full one released.
        events_total: The number of its events.
        events: Its events, oldest first; in a list of transactions the newest 50.
    """

    decision: Literal["approved", "declined"] | None
    response_code: str | None
    authorization_code: str | None
    reasons: tuple[Reason, ...]
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
    transaction_id: TransactionId, history: Sequence[LoggedEvent], newest: int | None = None
) -> TransactionView:
    """Return a transaction as its events leave it.

    Args:
        transaction_id: Its id.
        history: All of its events, at least one, in the order of the account's versions.
        newest: How many events to show at most; None for all.
    """
    events = [logged.event for logged in history]
    sums = Transaction.fold(events)
    decided = next((logged for logged in history if isinstance(logged.event, Decision)), None)
    shown = decided or history[0]
    decision = None if decided is None else cast("Decision", decided.event)
    response = None if decision is None else decision_response(decision)
    purchase = None if decision is None else decision.purchase
    account_id = account_of(shown.event.originator_id)
    return TransactionView(
        **{name: getattr(purchase, name, None) for name in PURCHASE_FIELDS}
        | {"transaction_id": transaction_id, "account_id": account_id},
        **{name: getattr(response, name, None) for name in _RESPONSE_FIELDS},
        reasons=() if response is None else response.reasons,
        decided_at=None if decision is None else decision.timestamp,
        account_version=shown.event.originator_version,
        event_id=shown.event.event_id,
        log_position=shown.position,
        state=sums.state,
        hold=sums.hold,
        expires_at=(
            decision.expires_at
            if isinstance(decision, AuthorizationApproved) and sums.hold
            else None
        ),
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
        events_total=len(history),
        events=tuple(_event(logged.event) for logged in history[-newest if newest else 0 :]),
    )


_RESPONSE_FIELDS = ("decision", "response_code", "authorization_code", "balance", "ruleset")
"""What a transaction has in common with the response to its purchase, beside the purchase."""

_DETAILS = tuple(each.name for each in fields(TransactionEvent) if each.default is not MISSING)


def _event(event: Event) -> TransactionEvent:
    """Return an event as callers see it: with those details that it or its command has."""
    details = {
        name: getattr(source, name)
        for source in (event.command, event)
        for name in _DETAILS
        if hasattr(source, name)
    }
    return TransactionEvent(
        type=event.TOPIC,
        event_id=event.event_id,
        account_version=event.originator_version,
        at=event.timestamp,
        **details,
    )

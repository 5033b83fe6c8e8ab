"""A transaction's history as the API returns it: the transaction's events and amounts.

The history is read from the log in one statement, so it never lags and all of it reflects the same
account version. The read model `transactions` only lists an account's transactions.
"""

from collections.abc import Iterable, Sequence
from dataclasses import MISSING, fields
from datetime import datetime
from typing import Any, cast

import psycopg

from txplatform.contracts.decision import Decision, decision_response
from txplatform.contracts.transactions import (
    PURCHASE_FIELDS,
    TransactionEventResponse,
    TransactionResponse,
)
from txplatform.domain.events import AuthorizationReversed, Event
from txplatform.domain.ids import AccountId, TransactionId, account_of, account_stream
from txplatform.domain.keys import authorization_key, late_authorization_key
from txplatform.domain.transaction import Transaction
from txplatform.eventstore.mapper import decode_event
from txplatform.eventstore.statements import LoggedEvent, row_equals


def _part(column: str, prefix: str = "") -> str:
    value = f"'{prefix}' || named.transaction_id"
    return f"""(
        SELECT position, originator_id, originator_version, topic, state, recorded_at FROM events
        WHERE {row_equals(f"{column}, originator_id", f"{value}, %(stream)s")}
          AND {column} IS NOT NULL
        ORDER BY {column}, originator_id OFFSET 0
    )"""  # constants of this module


LATER_EVENTS = _part("transaction_id")
"""Selects the events of the transaction in row `named` except its authorization."""

EVENTS_OF_NAMED = f"""
    SELECT * FROM {_part("event_key", authorization_key(""))} decided
    UNION ALL
    SELECT * FROM {_part("event_key", late_authorization_key(""))} decided_late
    UNION ALL
    SELECT * FROM {LATER_EVENTS} later
"""
"""Selects all events of the transaction in row `named` of the surrounding statement.

The authorization is found by its business key, later events by the transaction id. Each of the
three parts is an index look-up; see `row_equals`.
"""


_READ_ONE = f"""
SELECT e.*
FROM (SELECT %(transaction_id)s::text AS transaction_id) named
CROSS JOIN LATERAL ({EVENTS_OF_NAMED}) e
ORDER BY originator_version
"""


def get_transaction(
    connection: psycopg.Connection, account_id: AccountId, transaction_id: TransactionId
) -> TransactionResponse | None:
    """Return a transaction and all its events from the log; None if it is not in the log."""
    asked = {"stream": account_stream(account_id), "transaction_id": transaction_id}
    with connection.cursor(binary=True) as rows:
        rows.execute(_READ_ONE, asked)
        history = logged_events(rows)
    return transaction_of(transaction_id, history) if history else None


def logged_events(rows: Iterable[tuple[Any, ...]]) -> list[LoggedEvent]:
    """Return the events in rows of `EVENTS_OF_NAMED`."""
    return [
        LoggedEvent(position, recorded_at, decode_event(stream, version, topic, state))
        for position, stream, version, topic, state, recorded_at in rows
    ]


def transaction_of(
    transaction_id: TransactionId, history: Sequence[LoggedEvent], newest: int | None = None
) -> TransactionResponse:
    """Return a transaction as the API shows it, folded from its events.

    Args:
        transaction_id: The transaction's id.
        history: All events of the transaction, at least one, in order of account version.
        newest: The number of newest events to show; None for all.
    """
    events = [logged.event for logged in history]
    sums = Transaction.fold(events)
    decided = next((logged for logged in history if isinstance(logged.event, Decision)), None)
    shown = decided or history[0]
    decision = None if decided is None else cast("Decision", decided.event)
    response = None if decision is None else decision_response(decision)
    purchase = None if decision is None else decision.purchase
    account_id = account_of(shown.event.originator_id)
    return TransactionResponse(
        **{name: getattr(purchase, name, None) for name in PURCHASE_FIELDS}
        | {"transaction_id": transaction_id, "account_id": account_id},
        **{name: getattr(response, name, None) for name in _RESPONSE_FIELDS},
        reasons=() if response is None else response.reasons,
        decided_at=None if decision is None else decision.timestamp,
        account_version=shown.event.originator_version,
        event_id=shown.event.event_id,
        log_position=shown.position,
        recorded_at=history[0].recorded_at,
        state=sums.state,
        hold=sums.hold,
        expires_at=_hold_expiry(events) if sums.hold else None,
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


def _hold_expiry(events: Iterable[Event]) -> datetime | None:
    """Return when the hold expires, by the newest event that says so."""
    times = [event.hold_expires_at for event in events]
    return next((time for time in reversed(times) if time is not None), None)


_RESPONSE_FIELDS = ("decision", "response_code", "authorization_code", "balance", "ruleset")
"""The fields of a purchase's response that a transaction shows in addition to the request's."""

_DETAILS = tuple(
    each.name for each in fields(TransactionEventResponse) if each.default is not MISSING
)


def _event(event: Event) -> TransactionEventResponse:
    details = {
        name: getattr(source, name)
        for source in (event.command, event)
        for name in _DETAILS
        if hasattr(source, name)
    }
    return TransactionEventResponse(
        type=event.TOPIC,
        event_id=event.event_id,
        account_version=event.originator_version,
        at=event.timestamp,
        **details,
    )

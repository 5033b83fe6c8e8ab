"""A transaction with its history, and pages of an account's transactions."""

from dataclasses import dataclass, make_dataclass
from datetime import datetime
from typing import Any, Literal, get_type_hints

from txplatform.domain.advices import Direction
from txplatform.domain.events import Flag
from txplatform.domain.money import Balance
from txplatform.domain.reasons import Reason
from txplatform.domain.requests import Purchase
from txplatform.domain.transaction import TransactionState


@dataclass(frozen=True, slots=True)
class TransactionEventResponse:
    """An event of a transaction; money in minor units of the account's currency.

    Attributes:
        type: The event's name in the log, such as `authorization-approved`.
        account_version: The account's version after it.
        at: The time of the decision, UTC.
        amount: The amount requested, posted, refunded or reversed; None for a full reversal.
        released: The amount released from the hold.
        clearing_id: The id of a clearing or a correction.
        reverses_clearing_id: The clearing or refund that a correction takes back.
        direction: The direction of a correction: credit takes a clearing back, debit a refund.
        flags: What is unusual about it; it counts nevertheless.
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
PURCHASE_FIELDS = Purchase.__struct_fields__
_Purchase: Any = make_dataclass(
    "_Purchase",
    [
        (name, _TYPES[name] if name in {"transaction_id", "account_id"} else _TYPES[name] | None)
        for name in PURCHASE_FIELDS
    ],
    frozen=True,
    slots=True,
)
"""The fields of a purchase. Those other than the ids are null if there is no purchase."""


@dataclass(frozen=True, slots=True)
class TransactionResponse(_Purchase):  # type: ignore[misc]  # a class made at run time
    """A purchase, its decision, and its history.

    If there is no decision, the fields of the purchase and of the decision are null. This happens
    if, for example, a clearing named a transaction that was never authorized. Amounts from `hold`
    on are in minor units of the account's currency, and sums over all events, shown or not.

    Attributes:
        decision: None without a decision, as are the fields from `response_code` to `ruleset`.
        response_code: ISO 8583:1987 field 39.
        authorization_code: ISO 8583:1987 field 38; None for a decline.
        reasons: The reason of every rule that refused, most important first.
        amount: The amount requested, minor units of `currency`.
        balance: The money after the decision; None if there was no account.
        account_version: The account's version after the decision or, without a decision, after the
            transaction's first event. `event_id` and `log_position` are of the same event.
        log_position: The position of that event in the log.
        state: The state after all events.
        hold: The amount held.
        expires_at: The time when the hold expires; None without a hold, or if it never expires.
        cleared: The sum of the clearings.
        corrected: The part of `cleared` that corrections took back.
        posted: `cleared - corrected`; the amount owed is this less `refunded`.
        refunded: The sum of the refunds, less the parts that corrections took back.
        reversed: The sum of the reversals: the amount of a partial one, and the hold that a full
            one released.
        events_total: The number of events.
        events: The events, oldest first; in a list of transactions, the newest 50.
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
    events: tuple[TransactionEventResponse, ...]


@dataclass(frozen=True, slots=True)
class TransactionsResponse:
    """A page of an account's transactions, newest first.

    Attributes:
        items: Transactions, each with its newest 50 events; fewer than `limit` if they have very
            many events.
        next_cursor: The cursor of the next page; None on the last page.
        as_of_position: The log position up to which the list is complete.
    """

    items: list[TransactionResponse]
    next_cursor: str | None
    as_of_position: int

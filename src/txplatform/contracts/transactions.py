"""A transaction with all that happened to it, and an account's transactions by pages."""

from __future__ import annotations

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
"""The fields of a purchase, null except for its ids if there is no purchase."""


@dataclass(frozen=True, slots=True)
class TransactionResponse(_Purchase):  # type: ignore[misc]  # a class made at run time
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
    events: tuple[TransactionEventResponse, ...]


@dataclass(frozen=True, slots=True)
class TransactionsResponse:
    """Some of an account's transactions, newest first.

    Attributes:
        items: Each with its newest 50 events; fewer than asked for if they have very many.
        next_cursor: Gives the page after this one; None if there is none.
        as_of_position: The last log position that the list has read.
    """

    items: list[TransactionResponse]
    next_cursor: str | None
    as_of_position: int

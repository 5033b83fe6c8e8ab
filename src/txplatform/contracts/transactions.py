"""A transaction with all that happened to it, and an account's transactions by pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from txplatform.domain.advices import Direction
from txplatform.domain.ids import AccountId, TransactionId
from txplatform.domain.money import Balance
from txplatform.domain.reasons import Reason
from txplatform.domain.requests import Merchant
from txplatform.domain.transaction import TransactionState
from txplatform.domain.transaction_flags import Flag


@dataclass(frozen=True, slots=True)
class TransactionEventResponse:
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
class TransactionResponse:
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
    events: tuple[TransactionEventResponse, ...]


@dataclass(frozen=True, slots=True)
class TransactionsResponse:
    """Some of an account's transactions, newest first.

    Attributes:
        items: Each with its newest 50 events; fewer than asked for where they have very many.
        next_cursor: Gives the page after this one; None where there is none.
        as_of_position: The last log position that the list has read.
    """

    items: list[TransactionResponse]
    next_cursor: str | None
    as_of_position: int

"""Responses with a transaction's history, or with a page of an account's transactions."""

from dataclasses import dataclass, make_dataclass
from datetime import datetime
from typing import Annotated, Any, get_type_hints

from annotated_types import MaxLen

from txplatform.contracts import response_fields as out
from txplatform.domain.advices import Direction
from txplatform.domain.money import Balance
from txplatform.domain.requests import Purchase
from txplatform.domain.transaction import TransactionState


@dataclass(frozen=True, slots=True)
class TransactionEventResponse:
    """An event of a transaction. Amounts are in minor units of the account's currency.

    Attributes:
        type: The event's name in the log, such as `authorization-approved`.
        account_version: The account's version after the event.
        at: The time when the service recorded the event, UTC.
        amount: The amount requested, posted, refunded or reversed; None for a full reversal.
        released: The amount released from the hold.
        clearing_id: The clearing's or correction's id.
        reverses_clearing_id: The presentment that a correction takes back.
        direction: The direction of a presentment: debit raises what is owed, credit lowers it.
        flags: Unusual circumstances, and flaws of the description. They never prevent posting.
        reference: The sender's reference for this event.
        metadata: The sender's texts for this event.
    """

    type: out.EventName
    event_id: out.EventId
    account_version: out.AccountVersion
    at: datetime
    amount: out.Amount | None = None
    released: out.Held | None = None
    increment_id: out.BusinessId | None = None
    reversal_id: out.BusinessId | None = None
    clearing_id: out.BusinessId | None = None
    refund_id: out.BusinessId | None = None
    reverses_clearing_id: out.BusinessId | None = None
    direction: Direction | None = None
    flags: out.Flags = ()
    reference: out.Reference | None = None
    metadata: out.Metadata | None = None


PURCHASE_FIELDS = Purchase.__struct_fields__
_TYPES: dict[str, Any] = get_type_hints(Purchase) | {
    "transaction_id": out.TransactionId,
    "account_id": out.AccountId,
    "amount": out.Amount,
    "currency": out.CurrencyCode,
    "original_amount": out.Amount,
    "original_currency": out.CurrencyCode,
    "reference": out.Reference,
    "metadata": out.Metadata,
}
_Purchase: Any = make_dataclass(
    "_Purchase",
    [
        (name, _TYPES[name] if name in {"transaction_id", "account_id"} else _TYPES[name] | None)
        for name in PURCHASE_FIELDS
    ],
    frozen=True,
    slots=True,
)
"""The fields of a purchase. If there is no decision, all except the ids are null."""


@dataclass(frozen=True, slots=True)
class TransactionResponse(_Purchase):  # type: ignore[misc]  # a class made at run time
    """A purchase with its decision and history.

    A purchase has no decision if, for example, it was cleared without an authorization. Then
    `reasons` is empty, and all other fields of the request and the decision are null, except
    `transaction_id` and `account_id`. The amounts from `hold` to `reversed` are in minor units of
    the account's currency. They cover all events, even those that `events` omits.

    Attributes:
        merchant: The merchant where the card was used.
        occurred_at: The merchant's time, UTC.
        decided_at: The time of the decision, UTC.
        response_code: ISO 8583:1987 field 39.
        authorization_code: ISO 8583:1987 field 38; None for a decline.
        reasons: The reasons of all rules that refused the purchase, most important first.
        amount: The requested amount, minor units of `currency`.
        balance: The balance after the decision, minor units; None if the account was never opened.
        account_version: The account's version after the decision; if there is no decision, after
            the first event.
        event_id: The id of the event at `account_version`.
        log_position: The log position of the event at `account_version`.
        recorded_at: When the first event that names the transaction was recorded, UTC. The list of
            transactions is in this order.
        state: The state after all events.
        expires_at: The time when the hold expires; None if it never expires or there is no hold.
        cleared: The sum of all clearings.
        corrected: The part of `cleared` that corrections withdrew.
        posted: `cleared - corrected`. The amount owed is `posted - refunded`.
        refunded: The sum of all refunds, less the part that corrections withdrew.
        reversed: The sum of all reversals; a full reversal counts as the amount it released.
        events: The events, oldest first; in a list of transactions, only the newest 50.
    """

    decision: out.Decided | None
    response_code: out.ResponseCode | None
    authorization_code: out.AuthorizationCode | None
    reasons: out.Reasons
    decided_at: datetime | None
    balance: Balance | None
    ruleset: out.RuleSetId | None
    account_version: out.AccountVersion
    event_id: out.EventId
    log_position: out.Position
    recorded_at: datetime
    state: TransactionState
    hold: out.Held
    expires_at: datetime | None
    cleared: out.Sum
    corrected: out.Sum
    posted: out.Sum
    refunded: out.Sum
    reversed: out.Sum
    events_total: out.Count
    events: tuple[TransactionEventResponse, ...]


@dataclass(frozen=True, slots=True)
class TransactionsResponse:
    """A page of an account's transactions, newest first.

    Attributes:
        items: Transactions, each with its newest 50 events. There can be fewer than `limit`, even
            none, if they have very many events, or if few of very many match the filters.
        next_cursor: The cursor for the next page; None on the last page.
        as_of_position: The log position up to which the list is complete.
    """

    items: Annotated[list[TransactionResponse], MaxLen(out.MAX_PAGE)]
    next_cursor: out.Cursor | None
    as_of_position: out.Position

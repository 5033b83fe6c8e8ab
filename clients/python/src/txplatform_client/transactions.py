"""The history of an account: its transactions, and its postings (changes of what is owed)."""

from datetime import datetime
from typing import Literal

from txplatform_client.call import Call, ListCall, call, listing
from txplatform_client.fields import (
    Balance,
    Body,
    Direction,
    Merchant,
    Outcome,
    Page,
    Priced,
    Reason,
    Time,
)

TransactionState = Literal[
    "unknown", "declined", "held", "cleared", "reversed", "expired", "unauthorized"
]
PostingKind = Literal[
    "clearing", "correction", "refund", "payment", "payment_return", "opening_balance"
]


class TransactionEvent(Body):
    """One event of a transaction. The fields that its type does not have are None.

    Attributes:
        type: The event's name in the log, such as `authorization-approved`.
        account_version: The account's version after the event.
        at: When the event was recorded.
        amount: Requested, posted, refunded or reversed; None for a full reversal.
        released: The amount released from the hold.
    """

    type: str
    event_id: str
    account_version: int
    at: Time
    amount: int | None = None
    released: int | None = None
    increment_id: str | None = None
    reversal_id: str | None = None
    clearing_id: str | None = None
    refund_id: str | None = None
    reverses_clearing_id: str | None = None
    direction: Direction | None = None
    flags: list[str] = []  # noqa: RUF012  # msgspec copies the default
    reference: str | None = None
    metadata: dict[str, str] | None = None


class Transaction(Body):
    """A transaction as it is now. The fields of its decision are None if there is none.

    Attributes:
        amount: The requested amount, minor units of `currency`.
        balance: The balance after the decision.
        account_version: The account's version after the decision or, without one, after the first
            event.
        recorded_at: When the first event that names the transaction was recorded.
        state: The state after all events.
        hold: The reserved amount; `expires_at` is its end, None for never.
        cleared: The sum of all clearings.
        corrected: The part of `cleared` that corrections took back.
        posted: `cleared - corrected`. What is owed is `posted - refunded`.
        refunded: The sum of all refunds, less the part that corrections took back.
        reversed: The sum of all reversals.
        events: The events, oldest first; in a list, only the newest 50 of `events_total`.
    """

    transaction_id: str
    account_id: str
    amount: int | None
    currency: str | None
    merchant: Merchant | None
    original_amount: int | None
    original_currency: str | None
    occurred_at: Time | None
    reference: str | None
    metadata: dict[str, str] | None
    decision: Outcome | None
    response_code: str | None
    authorization_code: str | None
    reasons: list[Reason]
    decided_at: Time | None
    balance: Balance | None
    ruleset: str | None
    account_version: int
    event_id: str
    log_position: int
    recorded_at: Time
    state: TransactionState
    hold: int
    expires_at: Time | None
    cleared: int
    corrected: int
    posted: int
    refunded: int
    reversed: int
    events_total: int
    events: list[TransactionEvent]


class TransactionsPage(Page[Transaction]):
    """A page of transactions; it may be empty although others follow.

    Attributes:
        as_of_position: The log position up to which the list is complete.
    """

    as_of_position: int


class Posting(Priced):
    """One change of what is owed.

    Attributes:
        posting_id: The id of its event, permanently unique.
        amount: Minor units of `currency`; positive if more is owed.
        business_id: The id in its message or request, such as a `payment_id`.
        account_version: The account's version after the posting.
        occurred_at: The business time that the sender gave.
    """

    posting_id: str
    kind: PostingKind
    transaction_id: str | None
    business_id: str
    reference: str | None
    flags: list[str]
    account_version: int
    recorded_at: Time
    occurred_at: Time | None


class PostingsPage(Page[Posting]):
    """A page of postings; it may be empty although others follow.

    Attributes:
        posted: What is owed at `as_of_version`, minor units; the sum of all postings up to it.
        as_of_version: The account's version when the first page was read.
    """

    posted: int
    as_of_version: int


class TransactionCalls:
    """The calls that read an account's history. Their scope is `accounts:read`."""

    @call
    def read_transaction(self, account_id: str, transaction_id: str) -> Call[Transaction]:
        """Return a transaction with all its events, as it is now."""
        path = ("accounts", account_id, "transactions", transaction_id)
        return Call("GET", path, Transaction)

    @call
    def read_transaction_if_changed(
        self, account_id: str, transaction_id: str, newest_version: int
    ) -> Call[Transaction | None]:
        """Return a transaction; None if its newest event still has this account version."""
        return Call(
            "GET",
            ("accounts", account_id, "transactions", transaction_id),
            Transaction | None,  # type: ignore[arg-type]  # a union is no class
            headers={"If-None-Match": f'"{newest_version}"'},
        )

    @listing
    def list_transactions(  # noqa: PLR0913  # the filters of the API
        self,
        account_id: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        state: TransactionState | None = None,
        decision: Outcome | None = None,
        flag: str | None = None,
        reference: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> ListCall[TransactionsPage, Transaction]:
        """List transactions that match all filters, newest first.

        Args:
            account_id: The account.
            since: Recorded at this time or later.
            until: Recorded before this time.
            state: The state now.
            decision: The decision on the purchase.
            flag: A flag of any event.
            reference: The reference of any event.
            limit: The items of a page, up to 500; 30 if None.
            cursor: The `next_cursor` of a page with the same filters.
        """
        query = {
            "from": since,
            "until": until,
            "state": state,
            "decision": decision,
            "flag": flag,
            "reference": reference,
            "limit": limit,
            "cursor": cursor,
        }
        return ListCall("GET", ("accounts", account_id, "transactions"), TransactionsPage, query)

    @listing
    def list_postings(  # noqa: PLR0913  # the filters of the API
        self,
        account_id: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        kind: PostingKind | None = None,
        flag: str | None = None,
        reference: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> ListCall[PostingsPage, Posting]:
        """List postings that match all filters, newest first.

        Args:
            account_id: The account.
            since: Recorded at this time or later.
            until: Recorded before this time.
            kind: What moved the amount owed.
            flag: A flag of the posting.
            reference: The reference that came with it.
            limit: The items of a page, up to 500; 100 if None.
            cursor: The `next_cursor` of a page with the same filters.
        """
        query = {
            "from": since,
            "until": until,
            "kind": kind,
            "flag": flag,
            "reference": reference,
            "limit": limit,
            "cursor": cursor,
        }
        return ListCall("GET", ("accounts", account_id, "postings"), PostingsPage, query)

"""Responses with a page of an account's postings."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from annotated_types import MaxLen

from txplatform.contracts import response_fields as out


class PostingKind(StrEnum):
    """The kinds of postings."""

    CLEARING = "clearing"
    CORRECTION = "correction"
    REFUND = "refund"
    PAYMENT = "payment"
    PAYMENT_RETURN = "payment_return"
    OPENING_BALANCE = "opening_balance"


@dataclass(frozen=True, slots=True)
class PostingResponse:
    """A change of the amount owed.

    Attributes:
        posting_id: The id of the event, permanently unique.
        amount: Minor units of `currency`; positive if more is owed.
        business_id: The id in the message or request, such as a `clearing_id` or `payment_id`;
            the `account_id` for an opening balance.
        reference: The reference that came with it, if any.
        account_version: The account's version after the posting.
        recorded_at: When the event was recorded, by the database's clock, UTC.
        occurred_at: The business time that the sender gave, UTC; null if it gave none.
    """

    posting_id: out.EventId
    kind: PostingKind
    amount: out.SignedAmount
    currency: out.CurrencyCode
    transaction_id: out.TransactionId | None
    business_id: out.BusinessId
    reference: out.Reference | None
    flags: out.Flags
    account_version: out.AccountVersion
    recorded_at: datetime
    occurred_at: datetime | None


@dataclass(frozen=True, slots=True)
class PostingsResponse:
    """A page of an account's postings, newest first.

    Attributes:
        items: There can be fewer than `limit`, even none, if few of very many match the filters.
        next_cursor: The cursor for the next page; None on the last page.
        posted: The account's posted balance at `as_of_version`, minor units. The amounts of all
            postings up to that version add up to it.
        as_of_version: The account's version when the first page was read. Later pages have the
            same version, and leave out newer postings.
    """

    items: Annotated[list[PostingResponse], MaxLen(out.MAX_PAGE)]
    next_cursor: out.Cursor | None
    posted: out.Posted
    as_of_version: out.AccountVersion

"""Responses with a page of an account's postings."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from txplatform.domain.flags import Flag
from txplatform.domain.ids import TransactionId


class PostingKind(StrEnum):
    """The kinds of postings."""

    CLEARING = "clearing"
    CORRECTION = "correction"
    REFUND = "refund"
    PAYMENT = "payment"
    PAYMENT_RETURN = "payment_return"


@dataclass(frozen=True, slots=True)
class PostingResponse:
    """A change of the amount owed.

    Attributes:
        posting_id: The id of the event, permanently unique.
        amount: Minor units of `currency`; positive if more is owed.
        business_id: The id in the message or request, such as a `clearing_id` or `payment_id`.
        reference: The reference that came with it, if any.
        account_version: The account's version after the posting.
        recorded_at: When the event was recorded, by the database's clock, UTC.
        occurred_at: The business time that the sender gave, UTC; null if it gave none.
    """

    posting_id: str
    kind: PostingKind
    amount: int
    currency: str
    transaction_id: TransactionId | None
    business_id: str
    reference: str | None
    flags: tuple[Flag, ...]
    account_version: int
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

    items: list[PostingResponse]
    next_cursor: str | None
    posted: int
    as_of_version: int

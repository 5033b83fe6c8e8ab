"""The list of an account's postings: every event that changes the amount owed.

The list is read from the log by an index that has postings only. So it never lags, and decisions on
purchases, which post nothing, are not affected.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import psycopg

from txplatform.contracts.cursors import Cursors, from_microseconds, to_microseconds
from txplatform.contracts.postings import PostingKind, PostingResponse, PostingsResponse
from txplatform.contracts.same_fields import from_same_fields
from txplatform.domain.events import (
    AccountOpened,
    ClearingCorrected,
    Event,
    PaymentReceived,
    PaymentReturned,
    PurchaseCleared,
    PurchaseRefunded,
)
from txplatform.domain.ids import AccountId, account_of, account_stream
from txplatform.eventstore.mapper import decode_event
from txplatform.eventstore.statements import LoggedEvent
from txplatform.projections.account_lists import (
    ListFilters,
    Place,
    flags_of,
    reference_of,
    take_page,
)

KINDS: dict[type[Event], PostingKind] = {
    PurchaseCleared: PostingKind.CLEARING,
    ClearingCorrected: PostingKind.CORRECTION,
    PurchaseRefunded: PostingKind.REFUND,
    PaymentReceived: PostingKind.PAYMENT,
    PaymentReturned: PostingKind.PAYMENT_RETURN,
    AccountOpened: PostingKind.OPENING_BALANCE,
}
"""The kind of posting for each kind of event that can change the amount owed."""

_BATCH = 200
"""The number of postings to read at once if each has to be compared with filters."""

_READ_BATCH = """
SELECT position, recorded_at, originator_id, originator_version, topic, state
FROM events
WHERE originator_id = %(stream)s AND posted_change IS NOT NULL AND recorded_at >= %(since)s
  AND (recorded_at, originator_version) < (%(before)s, %(before_version)s)
  AND originator_version <= %(as_of_version)s
ORDER BY recorded_at DESC, originator_version DESC
LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class PostingFilters(ListFilters):
    """The filters of the list of postings."""

    kind: PostingKind | None = None

    @property
    def need_event(self) -> bool:
        """True if the recorded time of a posting is not enough to tell whether it matches."""
        return any((self.flag, self.reference, self.kind))

    def admit(self, event: Event) -> bool:
        """Return whether a posting matches."""
        return self.kind in (None, KINDS[type(event)]) and self.admit_one_of([event])


NO_FILTERS = PostingFilters()


def posting_cursors(account_id: AccountId, filters: PostingFilters = NO_FILTERS) -> Cursors:
    """Return the cursors of the list of an account's postings."""
    return filters.cursors("postings", account_id)


def list_postings(  # noqa: PLR0913  # three of them are the account's
    connection: psycopg.Connection,
    account_id: AccountId,
    *,
    posted: int,
    version: int,
    filters: PostingFilters = NO_FILTERS,
    limit: int,
    cursor: str | None = None,
) -> PostingsResponse:
    """Return a page of an account's postings, newest first.

    Args:
        connection: A connection, with or without an open database transaction.
        account_id: The account.
        posted: The account's posted balance at `version`, minor units.
        version: The account's version, at which the list is read if there is no cursor.
        filters: The filters that the postings match.
        limit: The maximum number of postings to return, at least 1.
        cursor: The `next_cursor` of the previous page.

    Raises:
        InvalidCursorError: The cursor is not of this list with these filters.
    """
    cursors = posting_cursors(account_id, filters)
    *place, version, posted = cursors.read(cursor, *filters.start, version, posted)
    start = Place(*place)
    asked = {
        "stream": account_stream(account_id),
        "since": filters.earliest,
        "as_of_version": version,
    }
    batch = _BATCH if filters.need_event else limit + 1
    rows = _read(connection, filters, asked, start, batch)
    items, next_place = take_page(rows, start, limit)
    next_cursor = None if next_place is None else cursors.write(*next_place, version, posted)
    return PostingsResponse(items, next_cursor, posted, version)


def posting_response(logged: LoggedEvent) -> PostingResponse:
    """Return an event that changes the amount owed as a posting."""
    event = logged.event
    return from_same_fields(
        PostingResponse,
        event.command,
        event,
        posting_id=event.event_id,
        kind=KINDS[type(event)],
        amount=event.posted_change,
        transaction_id=event.transaction_id,
        business_id=event.key.partition(":")[2] or account_of(event.originator_id),
        reference=reference_of(event),
        flags=flags_of(event),
        account_version=event.originator_version,
        recorded_at=logged.recorded_at,
        occurred_at=event.business_time,
    )


def _read(
    connection: psycopg.Connection,
    filters: PostingFilters,
    asked: dict[str, object],
    place: Place,
    batch: int,
) -> Iterator[tuple[Place, PostingResponse | None, int]]:
    """Yield the rows after a place, read batch by batch; see `take_page`."""
    read = batch
    while read == batch:
        page = {
            **asked,
            "before": from_microseconds(place.recorded_at),
            "before_version": place.account_version,
            "limit": batch,
        }
        read = 0
        with connection.cursor(binary=True) as rows:
            rows.execute(_READ_BATCH, page)
            for position, recorded_at, *event in rows:
                logged = LoggedEvent(position, recorded_at, decode_event(*event))
                place = Place(to_microseconds(recorded_at), logged.event.originator_version)
                yield place, posting_response(logged) if filters.admit(logged.event) else None, 1
                read += 1

"""Check balances in SQL, by adding up the amounts in stored events, without the replay code."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import LiteralString, get_args

import psycopg
from typing_extensions import override

from txplatform.audit.derived import DerivedCheck, Key
from txplatform.audit.differences import Differences
from txplatform.audit.replay import Replay
from txplatform.domain.events import (
    AccountOpened,
    AuthorizationApproved,
    AuthorizationIncremented,
    AuthorizationReversed,
    ClearingCorrected,
    Event,
    HoldExpired,
    MoneyEvent,
    PaymentReceived,
    PaymentReturned,
    PurchaseCleared,
    PurchaseRefunded,
)
from txplatform.domain.ids import account_of

_RELEASED = "-(event ->> 'released')::numeric"
_CORRECTED = (
    "(event -> 'correction' ->> 'amount')::numeric"
    " * CASE event -> 'correction' ->> 'direction' WHEN 'debit' THEN 1 ELSE -1 END"
)
_AMOUNTS: dict[type[Event], tuple[LiteralString, LiteralString]] = {
    AccountOpened: ("coalesce(event -> 'opening' ->> 'opening_balance', '0')::numeric", "0"),
    AuthorizationApproved: (
        "0",
        "coalesce(event ->> 'hold', event -> 'purchase' ->> 'amount')::numeric",
    ),
    AuthorizationIncremented: ("0", "(event -> 'increment' ->> 'amount')::numeric"),
    AuthorizationReversed: ("0", _RELEASED),
    HoldExpired: ("0", _RELEASED),
    PurchaseCleared: ("(event -> 'clearing' ->> 'amount')::numeric", _RELEASED),
    ClearingCorrected: (_CORRECTED, "0"),
    PurchaseRefunded: ("-(event -> 'refund' ->> 'amount')::numeric", "0"),
    PaymentReceived: ("-(event -> 'payment' ->> 'amount')::numeric", "0"),
    PaymentReturned: ("(event -> 'payment_return' ->> 'amount')::numeric", "0"),
}
"""The SQL for the change of posted and the change of pending, by kind of event, minor units."""


def _sum(nth: int) -> str:
    cases = (f"WHEN '{kind.TOPIC}' THEN {_AMOUNTS[kind][nth]}" for kind in get_args(MoneyEvent))
    return f"coalesce(sum(CASE topic {' '.join(cases)} END), 0)"


_SUMS = f"""
SELECT originator_id, count(*), {_sum(0)}, {_sum(1)}
FROM events, LATERAL (SELECT convert_from(state, 'UTF8')::json AS event) AS stored
GROUP BY originator_id
ORDER BY originator_id
"""
_FETCH_ROWS = 200


@dataclass(frozen=True, slots=True)
class EventSums:
    """One account's number of events, and posted and pending amounts in minor units."""

    stream: str
    events: int
    posted: int
    pending: int


class SumCheck(DerivedCheck[EventSums]):
    """Checks each account's posted and pending amounts against its events (invariant I2)."""

    def __init__(self, connection: psycopg.Connection, differences: Differences) -> None:
        super().__init__("sums", self._readable(connection), differences)

    @override
    def key(self, row: EventSums) -> Key:
        return account_of(row.stream), 0

    @override
    def end(self, replay: Replay) -> None:
        account = replay.account
        for found in self._of(replay.account_id):
            self._compare(
                replay.account_id,
                account.version,
                ("events", "posted", "pending"),
                (account.version, account.posted, account.pending),
                (found.events, found.posted, found.pending),
            )

    def _readable(self, connection: psycopg.Connection) -> Iterator[EventSums]:
        try:
            yield from event_sums(connection)
        except psycopg.DataError as error:
            self._differences.add("(all)", 0, self.name, "amounts in JSON", str(error).strip())


def event_sums(connection: psycopg.Connection) -> Iterator[EventSums]:
    """Yield the sums of each account's events, ordered by stream id.

    Args:
        connection: A connection in a transaction.

    Raises:
        psycopg.DataError: The stored bytes of an event are not JSON.
    """
    with connection.cursor("event_sums") as cursor:
        cursor.itersize = _FETCH_ROWS
        cursor.execute(_SUMS.encode())
        for stream, events, posted, pending in cursor:
            yield EventSums(stream, events, int(posted), int(pending))

"""The read model of each account's transactions: their order in the list, and their holds.

`transaction_list` and `due_holds` read it. All other data of a transaction is in the log.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from typing_extensions import override

from txplatform.domain.account import Account
from txplatform.domain.events import (
    AuthorizationApproved,
    AuthorizationDeclined,
    Event,
    TransactionStarted,
)
from txplatform.domain.ids import AccountId, TransactionId, account_stream
from txplatform.eventstore.statements import LoggedEvent
from txplatform.projections.projection import ExpectedRows, Projection


class TransactionRow(NamedTuple):
    """A transaction, its place in the account's list, and its hold.

    Attributes:
        account_version: The account's version after the first event that names the transaction.
        recorded_at: When that event was recorded, by the database's clock, UTC.
        held: The amount on hold, minor units.
        expires_at: When the hold expires or, once the hold is released, would have expired, UTC;
            None for never.
    """

    account_id: AccountId
    transaction_id: TransactionId
    account_version: int
    recorded_at: datetime
    held: int
    expires_at: datetime | None


_FOLD = f"""
INSERT INTO {{table}} AS t
    (account_id, transaction_id, account_version, recorded_at, held, expires_at)
SELECT substr(originator_id, {len(account_stream(AccountId(""))) + 1}), named,
    min(originator_version), (min(ARRAY[to_timestamp(originator_version), recorded_at]))[2],
    sum(pending_change), max(expires_at)
FROM (
    SELECT originator_id, originator_version, recorded_at, pending_change, expires_at,
        CASE WHEN topic IN (
            '{AuthorizationApproved.TOPIC}', '{AuthorizationDeclined.TOPIC}',
            '{TransactionStarted.TOPIC}'
        )
        THEN substr(event_key, strpos(event_key, ':') + 1) ELSE transaction_id END AS named
    FROM events
    WHERE position > %s AND position <= %s
    ORDER BY position
) event
WHERE named IS NOT NULL AND strpos(named, ' ') = 0
GROUP BY originator_id, named
ON CONFLICT (account_id, transaction_id) DO UPDATE SET
    held = t.held + EXCLUDED.held,
    expires_at = coalesce(EXCLUDED.expires_at, t.expires_at)
"""  # constants of this package
"""An event under an authorization's business key has the transaction in this key, not in the column
`transaction_id`. A value of the column with a blank is not a transaction: see `corrections_of`.

The smallest pair of version and time has the time of the first event. The earliest time could be
that of another event, if the clock was set back.
"""


def transaction_named_by(event: Event) -> TransactionId | None:
    """Return the transaction that an event names; None if it names none."""
    match event:
        case AuthorizationApproved() | AuthorizationDeclined():
            return event.purchase.transaction_id
        case TransactionStarted():
            return event.transaction
        case _:
            return event.transaction_id


class _ExpectedTransactions(ExpectedRows):
    def __init__(self) -> None:
        self._first: dict[TransactionId, LoggedEvent] = {}
        self._expiry_times: dict[TransactionId, datetime] = {}

    @override
    def add(self, logged: LoggedEvent) -> None:
        event = logged.event
        named = transaction_named_by(event)
        if named is not None:
            self._first.setdefault(named, logged)
            if event.hold_expires_at is not None:
                self._expiry_times[named] = event.hold_expires_at

    @override
    def rows(self, account: Account) -> Iterable[TransactionRow]:
        for named, first in self._first.items():
            yield TransactionRow(
                account.account_id,
                named,
                first.event.originator_version,
                first.recorded_at,
                account.held(named),
                self._expiry_times.get(named),
            )


class Transactions(Projection):
    """The read model of transactions and their holds."""

    name = "transactions"
    table = "transactions"
    row = TransactionRow
    key = ("account_id", "account_version")
    fold = _FOLD
    totals = (("transactions", "count(t)"), ("held", "sum(held)"))

    @override
    def expected(self) -> ExpectedRows:
        return _ExpectedTransactions()


TRANSACTIONS = Transactions()

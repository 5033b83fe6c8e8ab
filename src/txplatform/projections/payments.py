"""The read model of payments, which finds payment ids that were applied on two accounts.

A payment id is certainly unique only within an account (invariant I3), since accounts are written
independently. So an id that two accounts receive at the same time can be applied on both.
"""

from collections.abc import Iterable
from typing import NamedTuple

import psycopg
from typing_extensions import override

from txplatform.domain.account import Account
from txplatform.domain.events import PaymentReceived, PaymentReturned
from txplatform.domain.ids import AccountId, PaymentId, account_stream
from txplatform.eventstore.statements import LoggedEvent
from txplatform.projections.projection import ExpectedRows, Projection


class PaymentRow(NamedTuple):
    """An applied payment.

    Attributes:
        account_version: The account's version after the payment.
        returned: True once the bank has returned it.
    """

    account_id: AccountId
    payment_id: PaymentId
    account_version: int
    returned: bool


_FOLD = f"""
INSERT INTO {{table}} AS p (payment_id, account_id, account_version, returned, repeated)
SELECT payment_id, account_id, account_version, returned,
    (SELECT count(*) FROM {{table}} known WHERE known.payment_id = event.payment_id)
    + sum(received) OVER (
        PARTITION BY payment_id ORDER BY position ROWS UNBOUNDED PRECEDING
    ) > 1
FROM (
    SELECT substr(event_key, strpos(event_key, ':') + 1) AS payment_id,
        substr(originator_id, {len(account_stream(AccountId(""))) + 1}) AS account_id,
        min(originator_version) AS account_version, min(position) AS position,
        bool_or(topic = '{PaymentReturned.TOPIC}') AS returned,
        count(*) FILTER (WHERE topic = '{PaymentReceived.TOPIC}') AS received
    FROM events
    WHERE position > %s AND position <= %s
      AND topic IN ('{PaymentReceived.TOPIC}', '{PaymentReturned.TOPIC}')
    GROUP BY 1, 2
) event
ORDER BY position
ON CONFLICT (payment_id, account_id) DO UPDATE SET returned = p.returned OR EXCLUDED.returned
"""  # constants of this package
"""A return follows its payment in the log, so only payments add rows. A return finds its row."""

_ON_TWO_ACCOUNTS = """
SELECT p.payment_id, p.account_id
FROM payments p
CROSS JOIN LATERAL (
    SELECT FROM payments other
    WHERE other.payment_id = p.payment_id AND other.account_id <> p.account_id
      AND NOT other.returned
    LIMIT 1
) elsewhere
WHERE p.repeated AND NOT p.returned
ORDER BY p.payment_id
LIMIT %s
"""


class _ExpectedPayments(ExpectedRows):
    def __init__(self) -> None:
        self._versions: dict[PaymentId, int] = {}
        self._returned: set[PaymentId] = set()

    @override
    def add(self, logged: LoggedEvent) -> None:
        event = logged.event
        match event:
            case PaymentReceived(payment=payment):
                self._versions[payment.payment_id] = event.originator_version
            case PaymentReturned(payment_return=payment_return):
                self._returned.add(payment_return.payment_id)

    @override
    def rows(self, account: Account) -> Iterable[PaymentRow]:
        for payment_id, version in self._versions.items():
            returned = payment_id in self._returned
            yield PaymentRow(account.account_id, payment_id, version, returned)


class Payments(Projection):
    """The read model of payments."""

    name = "payments"
    table = "payments"
    row = PaymentRow
    key = ("account_id", "payment_id")
    fold = _FOLD
    totals = (("payments", "count(t)"), ("returned", "count(*) FILTER (WHERE t.returned)"))
    pause_s = 1.0  # few events concern it, and only alarms and reports read it

    @override
    def expected(self) -> ExpectedRows:
        return _ExpectedPayments()


PAYMENTS = Payments()

Paid = tuple[PaymentId, AccountId]
"""A payment id, and the account of the payment."""


def on_two_accounts(connection: psycopg.Connection, limit: int = 1000) -> list[Paid]:
    """Return payments whose id was applied on another account before, if neither was returned."""
    return connection.execute(_ON_TWO_ACCOUNTS, (limit,)).fetchall()

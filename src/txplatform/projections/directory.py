"""The read model of all accounts and their money: its rows, their fold, what is asked of them.

The fold is arithmetic of its own, not the account's, so that comparing the two means
something (`txplatform verify`, invariant I1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from txplatform.domain.advices import Direction
from txplatform.domain.events import (
    EVENT_TYPES,
    AccountEvent,
    AccountOpened,
    AccountStatusChanged,
    AuthorizationApproved,
    AuthorizationIncremented,
    AuthorizationReversed,
    ClearingCorrected,
    CreditLimitChanged,
    HoldExpired,
    OperatorStatusSet,
    PaymentReceived,
    PaymentReturned,
    PurchaseCleared,
    PurchaseRefunded,
)
from txplatform.domain.ids import AccountId, account_of
from txplatform.domain.status import AccountStatus
from txplatform.eventstore.statements import LoggedEvent
from txplatform.projections.projection import checkpoint_of


@dataclass(frozen=True, slots=True)
class AccountSummary:
    """One account; money in minor units of its currency.

    Attributes:
        account_version: The account's version at which these numbers hold.
        status: The stricter of the two below; None, as currency and opened_at, until it is
            opened.
        operator_status: As an operator set it.
        team_status: As the accounts team has it.
        limit_version: The version of the limit in force.
        posted: What is owed.
        pending: What approved authorizations hold.
        opened_at: The accounts team's time, or where they gave none when we were told, UTC.
        updated_at: When its last event was decided, UTC.
    """

    account_id: AccountId
    account_version: int
    status: str | None
    operator_status: str
    team_status: str
    currency: str | None
    credit_limit: int
    limit_version: int
    posted: int
    pending: int
    opened_at: datetime | None
    updated_at: datetime

    @property
    def opened(self) -> bool:
        """Whether the accounts team has opened it; it may have events before."""
        return self.currency is not None

    @property
    def available(self) -> int:
        """Credit that can still be spent; negative when over the limit."""
        return self.credit_limit - self.posted - self.pending


COLUMNS = tuple(AccountSummary.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class DirectoryPage:
    """Some of the accounts, by id.

    Attributes:
        more: Whether there are accounts behind these.
        as_of_position: The last log position that the directory has read.
    """

    items: list[AccountSummary]
    more: bool
    as_of_position: int


@dataclass(slots=True)
class Change:
    """What a batch of events changes of one account."""

    account_version: int = 0
    operator_status: AccountStatus | None = None
    team_status: AccountStatus | None = None
    currency: str | None = None
    credit_limit: int | None = None
    limit_version: int | None = None
    posted: int = 0
    pending: int = 0
    opened_at: datetime | None = None
    updated_at: datetime | None = None


_MERGE = sql.SQL("""
MERGE INTO {} AS a
USING unnest(
    %s::text[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[],
    %s::bigint[], %s::bigint[], %s::timestamptz[], %s::timestamptz[]
) AS c (account_id, account_version, operator_status, team_status, currency, credit_limit,
        limit_version, posted, pending, opened_at, updated_at)
ON a.account_id = c.account_id
WHEN MATCHED THEN UPDATE SET
    account_version = c.account_version,
    operator_status = coalesce(c.operator_status, a.operator_status),
    team_status = CASE a.team_status
        WHEN 'closed' THEN 'closed' ELSE coalesce(c.team_status, a.team_status)
    END,
    currency = coalesce(c.currency, a.currency),
    credit_limit = coalesce(c.credit_limit, a.credit_limit),
    limit_version = coalesce(c.limit_version, a.limit_version),
    posted = a.posted + c.posted,
    pending = a.pending + c.pending,
    opened_at = coalesce(c.opened_at, a.opened_at),
    updated_at = c.updated_at
WHEN NOT MATCHED THEN INSERT (account_id, account_version, operator_status, team_status, currency,
    credit_limit, limit_version, posted, pending, opened_at, updated_at)
VALUES (c.account_id, c.account_version, coalesce(c.operator_status, 'active'),
    coalesce(c.team_status, 'active'), c.currency, coalesce(c.credit_limit, 0),
    coalesce(c.limit_version, 0), c.posted, c.pending, c.opened_at, c.updated_at)
""")


class Directory:
    """How the table is folded from the log."""

    name = "directory"
    table = "account_directory"
    topics = frozenset(event_type.TOPIC for event_type in EVENT_TYPES)
    totals = (
        ("accounts", "count(t)"),
        ("posted", "sum(posted)"),
        ("pending", "sum(pending)"),
        ("credit_limit", "sum(credit_limit)"),
    )

    def fold(
        self, connection: psycopg.Connection, table: str, events: Sequence[LoggedEvent]
    ) -> None:
        """Add up what the events change and apply it account by account."""
        rows = [
            (
                account_id,
                change.account_version,
                change.operator_status,
                change.team_status,
                change.currency,
                change.credit_limit,
                change.limit_version,
                change.posted,
                change.pending,
                change.opened_at,
                change.updated_at,
            )
            for account_id, change in account_changes(events).items()
        ]
        columns = tuple(map(list, zip(*rows, strict=True)))
        connection.execute(_MERGE.format(sql.Identifier(table)), columns)


DIRECTORY = Directory()


def account_changes(events: Sequence[LoggedEvent]) -> dict[AccountId, Change]:
    """What these events change, by account; the last of them gives version and time."""
    changes: dict[AccountId, Change] = {}
    for logged in events:
        event = logged.event
        change = changes.setdefault(account_of(event.originator_id), Change())
        change.account_version = event.originator_version
        change.updated_at = event.timestamp
        match event:
            case AccountOpened(opening=opening):
                change.currency = opening.currency
                change.credit_limit = opening.credit_limit
                change.opened_at = opening.opened_at or event.timestamp
            case CreditLimitChanged(change=limit):
                change.credit_limit = limit.credit_limit
                change.limit_version = limit.limit_version
            case OperatorStatusSet(change=set_status):
                change.operator_status = set_status.status
            case AccountStatusChanged(change=told) if (
                change.team_status is not AccountStatus.CLOSED
            ):
                change.team_status = told.status
        posted, pending = money_change(event)
        change.posted += posted
        change.pending += pending
    return changes


def money_change(event: AccountEvent) -> tuple[int, int]:  # noqa: PLR0911  # one a kind of event
    """What an event adds to posted and to pending, minor units."""
    match event:
        case AuthorizationApproved(purchase=purchase, hold=hold):
            return 0, purchase.amount if hold is None else hold
        case AuthorizationIncremented(increment=increment):
            return 0, increment.amount
        case AuthorizationReversed(released=released) | HoldExpired(released=released):
            return 0, -released
        case PurchaseCleared(clearing=clearing, released=released):
            return clearing.amount, -released
        case ClearingCorrected(correction=correction):
            owed = correction.direction is Direction.DEBIT
            return (correction.amount if owed else -correction.amount), 0
        case PurchaseRefunded(refund=refund):
            return -refund.amount, 0
        case PaymentReceived(payment=payment):
            return -payment.amount, 0
        case PaymentReturned(payment_return=payment_return):
            return payment_return.amount, 0
        case _:
            return 0, 0  # told of, without effect on the money


_SELECT = sql.SQL("SELECT {} FROM account_directory ").format(
    sql.SQL(", ").join(map(sql.Identifier, COLUMNS))
)


def list_accounts(
    connection: psycopg.Connection, *, limit: int, after: AccountId | None = None
) -> DirectoryPage:
    """Accounts by id, those behind `after`; may lag behind the log."""
    position = checkpoint_of(DIRECTORY.name).read(connection)
    with connection.cursor(row_factory=class_row(AccountSummary)) as rows:
        rows.execute(
            _SELECT + sql.SQL("WHERE account_id > %s ORDER BY account_id LIMIT %s"),
            (after or "", limit + 1),
        )
        found = rows.fetchall()
    return DirectoryPage(found[:limit], len(found) > limit, position)


def get_account(connection: psycopg.Connection, account_id: AccountId) -> AccountSummary | None:
    """One account as the directory knows it; may lag behind the log."""
    with connection.cursor(row_factory=class_row(AccountSummary)) as rows:
        rows.execute(_SELECT + sql.SQL("WHERE account_id = %s"), (account_id,))
        return rows.fetchone()

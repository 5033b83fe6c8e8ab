"""The read model of all accounts and their money: its rows, fold, queries and check."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import psycopg
from psycopg import sql
from psycopg.rows import class_row
from typing_extensions import override

from txplatform.domain.account import Account
from txplatform.domain.events import (
    EVENT_TYPES,
    AccountOpened,
    AccountStatusChanged,
    CreditLimitChanged,
    Event,
    OperatorStatusSet,
)
from txplatform.domain.ids import AccountId, account_of
from txplatform.domain.status import AccountStatus
from txplatform.eventstore.statements import LoggedEvent
from txplatform.projections.money import money_change
from txplatform.projections.projection import ExpectedRows, Projection, checkpoint_of
from txplatform.projections.tables import NEWEST, SUM, Column, Merge, columns_of, newest_or


class AccountSummary(NamedTuple):
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
        opened_at: The accounts team's time, or the decision's if they gave none, UTC.
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


@dataclass(frozen=True, slots=True)
class DirectoryPage:
    """Some of the accounts, by id.

    Attributes:
        more: Whether more accounts follow.
        as_of_position: The last log position that the directory has read.
    """

    items: list[AccountSummary]
    more: bool
    as_of_position: int


@dataclass
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


_CLOSED_FOR_EVER = Column(
    "coalesce(c.{0}, 'active')",
    "CASE t.{0} WHEN 'closed' THEN 'closed' ELSE coalesce(c.{0}, t.{0}) END",
)
_MERGE = Merge(
    ("account_id",),
    {
        "account_version": NEWEST,
        "operator_status": newest_or("'active'"),
        "team_status": _CLOSED_FOR_EVER,
        "currency": NEWEST,
        "credit_limit": newest_or("0"),
        "limit_version": newest_or("0"),
        "posted": SUM,
        "pending": SUM,
        "opened_at": NEWEST,
        "updated_at": NEWEST,
    },
)
"""Of all columns but `status`, which the database makes of the two."""


class _ExpectedAccount(ExpectedRows):
    """The account's row, from its replayed state."""

    def __init__(self) -> None:
        self._opened_at: datetime | None = None
        self._updated_at: datetime | None = None

    @override
    def add(self, event: Event) -> None:
        if isinstance(event, AccountOpened):
            self._opened_at = event.opening.opened_at or event.timestamp
        self._updated_at = event.timestamp

    @override
    def rows(self, account: Account) -> Iterable[AccountSummary]:
        if self._updated_at is not None:
            yield AccountSummary(
                account_id=account.account_id,
                account_version=account.version,
                status=str(account.status) if account.opened else None,
                operator_status=str(account.operator_status),
                team_status=str(account.team_status),
                currency=account.currency,
                credit_limit=account.credit_limit,
                limit_version=account.limit_version,
                posted=account.posted,
                pending=account.pending,
                opened_at=self._opened_at,
                updated_at=self._updated_at,
            )


class Directory(Projection):
    """The table's definition and its fold."""

    name = "directory"
    table = "account_directory"
    row = AccountSummary
    key = ("account_id",)
    topics = frozenset(event_type.TOPIC for event_type in EVENT_TYPES)
    totals = (
        ("accounts", "count(t)"),
        ("posted", "sum(posted)"),
        ("pending", "sum(pending)"),
        ("credit_limit", "sum(credit_limit)"),
    )

    @override
    def fold(
        self, connection: psycopg.Connection, table: str, events: Sequence[LoggedEvent]
    ) -> None:
        changes = account_changes(events).items()
        _MERGE.write(connection, table, ({"account_id": of, **vars(each)} for of, each in changes))

    @override
    def expected(self) -> ExpectedRows:
        return _ExpectedAccount()


DIRECTORY = Directory()


def account_changes(events: Sequence[LoggedEvent]) -> dict[AccountId, Change]:
    """Return what these events change, by account; the last one gives version and time."""
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
            case AccountStatusChanged(change=status) if (
                change.team_status is not AccountStatus.CLOSED
            ):
                change.team_status = status.status
        moved = money_change(event)
        change.posted += moved.posted
        change.pending += moved.pending
    return changes


_SELECT = sql.SQL("SELECT {} FROM account_directory ").format(columns_of(AccountSummary))


def list_accounts(
    connection: psycopg.Connection, *, limit: int, after: AccountId | None = None
) -> DirectoryPage:
    """Return accounts by id, those behind `after`; may lag behind the log."""
    position = checkpoint_of(DIRECTORY.name).read(connection)
    with connection.cursor(row_factory=class_row(AccountSummary)) as rows:
        rows.execute(
            _SELECT + sql.SQL("WHERE account_id > %s ORDER BY account_id LIMIT %s"),
            (after or "", limit + 1),
        )
        found = rows.fetchall()
    return DirectoryPage(found[:limit], len(found) > limit, position)

"""The directory: the read model of all accounts and their balances."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, assert_never

import psycopg
from psycopg import sql
from psycopg.rows import class_row
from typing_extensions import override

from txplatform.domain.account import Account
from txplatform.domain.events import (
    EVENT_TYPES,
    AccountOpened,
    AccountStatusChanged,
    AccountStatusSuperseded,
    AdministrativeEvent,
    ControlsChanged,
    CreditLimitChanged,
    CreditLimitChangeSuperseded,
    Event,
    OperatorStatusSet,
)
from txplatform.domain.ids import AccountId, account_of
from txplatform.domain.status import AccountStatus
from txplatform.eventstore.statements import LoggedEvent
from txplatform.projections.money import money_change
from txplatform.projections.projection import ExpectedRows, Projection, checkpoint_of
from txplatform.projections.tables import columns_of, write_rows


class AccountSummary(NamedTuple):
    """A row of the directory: one account, with amounts in minor units of its currency.

    Attributes:
        status: The stricter of `operator_status` and `team_status`. Until the account is opened,
            `status`, `currency` and `opened_at` are None.
        operator_status: Set by an operator.
        team_status: Set by the accounts team.
        posted: The amount owed.
        pending: The amount held by approved authorizations.
        opened_at: The time given by the accounts team, or else the opening event's time, UTC.
        updated_at: The time of the account's last event, UTC.
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
        """True if the accounts team has opened the account. Other events may come before that."""
        return self.currency is not None

    @property
    def available(self) -> int:
        """The credit left to spend, minor units; negative if the account is over its limit."""
        return self.credit_limit - self.posted - self.pending


@dataclass(frozen=True, slots=True)
class DirectoryPage:
    """One page of accounts, ordered by id.

    Attributes:
        more: True if more accounts follow.
        as_of_position: The log position of the last event that the directory includes.
    """

    items: list[AccountSummary]
    more: bool
    as_of_position: int


@dataclass
class AccountChange:
    """A batch's change of one account; columns that are None stay unchanged."""

    account_id: AccountId
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


_MERGE = """
MERGE INTO {table} t USING {rows} c ON t.account_id = c.account_id
WHEN MATCHED THEN UPDATE SET
    account_version = c.account_version,
    operator_status = coalesce(c.operator_status, t.operator_status),
    team_status = CASE t.team_status
        WHEN 'closed' THEN 'closed' ELSE coalesce(c.team_status, t.team_status)
    END,
    currency = coalesce(c.currency, t.currency),
    credit_limit = coalesce(c.credit_limit, t.credit_limit),
    limit_version = coalesce(c.limit_version, t.limit_version),
    posted = t.posted + c.posted,
    pending = t.pending + c.pending,
    opened_at = coalesce(c.opened_at, t.opened_at),
    updated_at = c.updated_at
WHEN NOT MATCHED THEN INSERT (account_id, account_version, operator_status, team_status,
    currency, credit_limit, limit_version, posted, pending, opened_at, updated_at)
VALUES (c.account_id, c.account_version, coalesce(c.operator_status, 'active'),
    coalesce(c.team_status, 'active'), c.currency, coalesce(c.credit_limit, 0),
    coalesce(c.limit_version, 0), c.posted, c.pending, c.opened_at, c.updated_at)
"""
"""Applies `AccountChange`s. The database derives `status` from the two other status columns."""


class _ExpectedAccount(ExpectedRows):
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
    """The read model of all accounts and their balances."""

    name = "directory"
    table = "account_directory"
    row = AccountSummary
    key = ("account_id",)
    events = frozenset(EVENT_TYPES)
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
        write_rows(connection, _MERGE, table, [*account_changes(events).values()])

    @override
    def expected(self) -> ExpectedRows:
        return _ExpectedAccount()


DIRECTORY = Directory()


def account_changes(events: Sequence[LoggedEvent]) -> dict[AccountId, AccountChange]:
    """Return the combined change that these events make to each account."""
    changes: dict[AccountId, AccountChange] = {}
    for logged in events:
        event = logged.event
        account_id = account_of(event.originator_id)
        change = changes.setdefault(account_id, AccountChange(account_id))
        change.account_version = event.originator_version
        change.updated_at = event.timestamp
        if isinstance(event, AdministrativeEvent):
            _administer(change, event)
        moved = money_change(event)
        change.posted += moved.posted
        change.pending += moved.pending
    return changes


def _administer(change: AccountChange, event: AdministrativeEvent) -> None:
    match event:
        case AccountOpened(opening=opening):
            change.currency = opening.currency
            change.credit_limit = opening.credit_limit
            change.opened_at = opening.opened_at or event.timestamp
        case CreditLimitChanged(change=limit):
            change.credit_limit = limit.credit_limit
            change.limit_version = limit.limit_version
        case OperatorStatusSet(change=status):
            change.operator_status = status.status
        case AccountStatusChanged(change=status):
            if change.team_status is not AccountStatus.CLOSED:
                change.team_status = status.status
        case CreditLimitChangeSuperseded() | AccountStatusSuperseded() | ControlsChanged():
            pass  # not in the directory
        case _:
            assert_never(event)


_SELECT = sql.SQL("SELECT {} FROM account_directory ").format(columns_of(AccountSummary))


def list_accounts(
    connection: psycopg.Connection, *, limit: int, after: AccountId | None = None
) -> DirectoryPage:
    """Return up to `limit` accounts with ids above `after`; the page may lag behind the log."""
    position = checkpoint_of(DIRECTORY.name).read(connection)
    with connection.cursor(row_factory=class_row(AccountSummary)) as rows:
        rows.execute(
            _SELECT + sql.SQL("WHERE account_id > %s ORDER BY account_id LIMIT %s"),
            (after or "", limit + 1),
        )
        found = rows.fetchall()
    return DirectoryPage(found[:limit], len(found) > limit, position)

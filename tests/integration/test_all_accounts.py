"""`all_accounts` reads every account from the log, at its newest version."""

from __future__ import annotations

import psycopg
import pytest

from harness.commands import (
    clearing,
    limit_change,
    opening,
    operator_status,
    payment,
    payment_return,
    purchase,
    team_status,
)
from harness.histories import record
from harness.postgres import TestDatabase
from txplatform.database import Database
from txplatform.domain.commands import Command
from txplatform.domain.ids import AccountId
from txplatform.eventstore.accounts import Accounts
from txplatform.eventstore.snapshot import account_state
from txplatform.processing.all_accounts import all_accounts
from txplatform.projections.snapshots import retake_snapshots


def test_every_account_is_read_once_in_byte_order_of_its_id(service: psycopg.Connection) -> None:
    """There are more accounts than two pages have, and each id is the beginning of the next."""
    names = ["Z", *("a" * length for length in range(1, 1001)), "é"]
    record(service, [opening(name) for name in reversed(names)])
    found = [account.account_id for account in all_accounts(service)]
    assert found == sorted(names, key=str.encode)


@pytest.mark.parametrize("accounts", [0, 1, 500])
def test_the_last_page_may_be_empty_or_full(service: psycopg.Connection, accounts: int) -> None:
    record(service, [opening(f"acc-{number}") for number in range(accounts)])
    assert len([*all_accounts(service)]) == accounts


@pytest.mark.parametrize("snapshots", [False, True])
def test_an_account_is_the_same_as_read_alone(
    database: TestDatabase, service: psycopg.Connection, *, snapshots: bool
) -> None:
    """An account that has only waiting messages is included, and is not open."""
    record(service, [payment("early", "p1", 70)])
    record(service, [opening("acc", 1000), purchase("acc", "t", 300), payment("acc", "p", 200)])
    record(
        service,
        [payment_return("acc", "p", 200), limit_change("acc", 4, 900), limit_change("acc", 3, 1)],
    )
    if snapshots:
        retake_snapshots(Database(database.owner_url), every=2)
    record(service, [clearing("acc", "t", "c", 100, final=False)])
    acc, early = all_accounts(service)
    accounts = Accounts(service)
    for found in (acc, early):
        alone = accounts.account(AccountId(found.account_id))
        assert (found.version, account_state(found)) == (alone.version, account_state(alone))
    assert (acc.posted, acc.pending, acc.credit_limit, acc.available) == (100, 200, 900, 600)
    assert (acc.limit_version, acc.version) == (4, 7)
    assert (early.opened, early.posted, early.version) == (False, 0, 1)


def test_an_account_has_the_stricter_of_both_statuses(service: psycopg.Connection) -> None:
    """A status may precede the account's opening, and an account closed by the team stays so."""
    statuses = []
    steps: list[list[Command]] = [
        [team_status("acc", 2, "frozen")],
        [opening("acc")],
        [operator_status("acc", "s1", "frozen"), team_status("acc", 3, "active")],
        [operator_status("acc", "s2", "active")],
        [team_status("acc", 1, "closed"), team_status("acc", 4, "active")],
        [team_status("acc", 5, "active")],
    ]
    for commands in steps:
        record(service, commands)
        (account,) = all_accounts(service)
        statuses.append((account.opened, account.operator_status, account.team_status))
        if account.opened:
            stricter = {"active": 0, "frozen": 1, "closed": 2}
            both = (account.operator_status, account.team_status)
            assert account.status == max(both, key=stricter.__getitem__)
    assert statuses == [
        (False, "active", "frozen"),
        (True, "active", "frozen"),
        (True, "frozen", "active"),
        (True, "active", "active"),
        (True, "active", "closed"),
        (True, "active", "closed"),
    ]

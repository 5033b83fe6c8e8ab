"""Read models updated on demand, without a running projector."""

from __future__ import annotations

import psycopg

from txplatform.domain.ids import AccountId
from txplatform.projections import PROJECTIONS
from txplatform.projections.directory import AccountSummary, list_accounts
from txplatform.projections.runner import project_batch


def catch_up(connection: psycopg.Connection, batch: int = 1000) -> None:
    """Update every read model to the end of the log."""
    for projection in PROJECTIONS:
        while project_batch(connection, projection, batch):
            pass


def get_account(connection: psycopg.Connection, account_id: AccountId) -> AccountSummary | None:
    """Return an account from the directory, or None if the account is missing."""
    accounts = list_accounts(connection, limit=500).items
    return next((each for each in accounts if each.account_id == account_id), None)

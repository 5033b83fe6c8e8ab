"""The HTTP API of the accounts service."""

from collections.abc import Sequence
from operator import attrgetter

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.responses import Response

from txbank.accounts import account
from txbank.accounts.account import (
    Account,
    AccountHistory,
    CreditLimit,
    NewAccount,
    NewCreditLimit,
    NewStatus,
    Status,
)
from txbank.api_keys import requires
from txbank.database import DatabaseOf
from txbank.fields import IdPath
from txbank.idempotency import note_replay
from txbank.lists import Cursor, Cursors, Limit
from txbank.strict_requests import StrictRoute

READ, WRITE = "accounts:read", "accounts:write"

router = APIRouter(prefix="/v1/accounts", tags=["accounts"], route_class=StrictRoute)


class AccountPage(BaseModel):
    """A page of accounts, in the order of their ids. `next_cursor` is null on the last page."""

    items: Sequence[Account]
    next_cursor: str | None


@router.post("", status_code=201, dependencies=[requires(WRITE)])
def open_account(database: DatabaseOf, response: Response, body: NewAccount) -> Account:
    """Open an account. The same id with the same content returns the first response, with 200."""
    with database.transaction() as connection:
        opened, replayed = account.open_account(connection, body)
    note_replay(response, replayed=replayed, status=200)
    return opened


@router.get("", dependencies=[requires(READ)])
def list_accounts(database: DatabaseOf, limit: Limit = 100, cursor: Cursor = None) -> AccountPage:
    """List all accounts, in the order of their ids."""
    cursors = Cursors("accounts")
    after = cursors.read(cursor, str)
    with database.transaction() as connection:
        found = account.list_accounts(connection, after=after, limit=limit + 1)
    items, next_cursor = cursors.page(found, limit, attrgetter("account_id"))
    return AccountPage(items=items, next_cursor=next_cursor)


@router.get("/{account_id}", dependencies=[requires(READ)])
def read_account(database: DatabaseOf, account_id: IdPath) -> AccountHistory:
    """Return an account with the history of its limits and statuses."""
    with database.transaction() as connection:
        return account.read_account(connection, account_id)


@router.put("/{account_id}/credit-limit", dependencies=[requires(WRITE)])
def change_credit_limit(
    database: DatabaseOf, response: Response, account_id: IdPath, body: NewCreditLimit
) -> CreditLimit:
    """Change the credit limit. The last change wins; a repeated `change_id` changes nothing."""
    with database.transaction() as connection:
        change, replayed = account.change_credit_limit(connection, account_id, body)
    note_replay(response, replayed=replayed)
    return change


@router.put("/{account_id}/status", dependencies=[requires(WRITE)])
def change_status(
    database: DatabaseOf, response: Response, account_id: IdPath, body: NewStatus
) -> Status:
    """Freeze, release or close an account. A repeated `change_id` changes nothing."""
    with database.transaction() as connection:
        change, replayed = account.change_status(connection, account_id, body)
    note_replay(response, replayed=replayed)
    return change

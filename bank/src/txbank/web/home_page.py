"""The first page of a cardholder: all accounts, with what is available."""

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from txbank.database import DatabaseOf
from txbank.tracing import logger
from txbank.web.faults import FAILURES
from txbank.web.pages import page
from txbank.web.users import accounts_of
from txbank.web.visitor import ServicesOf, UserOf, only_cardholders

router = APIRouter(dependencies=[Depends(only_cardholders)])

_log = logger("web")


@router.get("/")
def show_accounts(
    request: Request, database: DatabaseOf, services: ServicesOf, user: UserOf
) -> Response:
    """List the accounts of the user, with what is available."""
    with database.transaction() as connection:
        accounts = accounts_of(connection, user.user_name)
    balances = {}
    try:
        for account in accounts:
            balances[account.account_id] = services.find_balance(account.account_id)
    except FAILURES as error:  # the others are not asked for: each would take as long to fail
        _log.warning("accounts are shown without their balances", reason=str(error))
    return page(request, "accounts.html", accounts=accounts, balances=balances)

"""Staff's pages of accounts: the list, opening ("booking") one, and changing limit and status."""

import re
import secrets

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from txbank.database import Connection, DatabaseOf
from txbank.fields import IdPath
from txbank.tracing import logger
from txbank.web.forms import Form, Posted
from txbank.web.pages import page, see
from txbank.web.services import Services
from txbank.web.users import (
    BadUserError,
    OwnAccount,
    Role,
    add_account,
    add_user,
    check_new_user,
    check_password,
    find_user,
    users_of,
)
from txbank.web.visitor import ServicesOf, only_staff
from txplatform_client import TxPlatformClientError

router = APIRouter(prefix="/staff", dependencies=[Depends(only_staff)])

PRODUCTS = ("classic", "gold", "business")
CURRENCIES = ("CHF", "EUR", "GBP", "JPY", "USD")
STATUSES = ("active", "frozen", "closed")
REASON_CODES = {
    "none": "No reason given",
    "lost": "Lost",
    "stolen": "Stolen",
    "suspected_fraud": "Suspected fraud",
}

_EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")

_log = logger("web")


@router.get("")
def list_accounts(request: Request, services: ServicesOf, after: str | None = None) -> Response:
    """List all accounts, in the order of their ids."""
    found = services.list_accounts(after)
    return page(request, "staff_accounts.html", accounts=found.items, next=found.next_cursor)


@router.get("/accounts/new")
def show_new_account(request: Request) -> Response:
    """Show the form that books an account."""
    form = Form(product="classic", currency="EUR", password=secrets.token_urlsafe(12))
    return _show_new(request, form)


@router.post("/accounts/new")
def book_account(
    request: Request, database: DatabaseOf, services: ServicesOf, form: Posted
) -> Response:
    """Open an account, and let its holder log in.

    If the process dies half-way, sending the form again completes what is missing.
    """
    currency = form.choice("currency", CURRENCIES)
    email = form.text("email", "an e-mail address", longest=254)
    if email and not _EMAIL.fullmatch(email):
        form.refuse("email", "Enter an address such as ada@example.org.")
    body = {
        "account_id": f"acc-{form.id()}",
        "holder": {"name": form.text("name", "the holder's name"), "email": email},
        "product": form.choice("product", PRODUCTS),
        "currency": currency,
        "credit_limit": form.amount("limit", currency, least=0) if currency else 0,
    }
    user_name = form.text("user_name", "a user name", longest=64).lower()
    password = form.typed.get("password", "")
    with database.transaction() as connection:
        _check_user(connection, form, user_name, password)
    if form.ok:
        fields = {
            "/holder/name": "name",
            "/holder/email": "email",
            "/product": "product",
            "/currency": "currency",
            "/credit_limit": "limit",
        }
        account = form.send(lambda: services.open_account(body), fields)
        if account:
            with database.transaction() as connection:
                if find_user(connection, user_name) is None:
                    add_user(connection, user_name, password, Role.CARDHOLDER)
                own = OwnAccount(account.account_id, account.currency, account.product)
                add_account(connection, user_name, own)
            return see(f"/staff/accounts/{account.account_id}")
    return _show_new(request, form, 422)


@router.get("/accounts/{account_id}")
def show_account(
    request: Request, database: DatabaseOf, services: ServicesOf, account_id: IdPath
) -> Response:
    """Show an account with its history, and the forms for its limit and status."""
    return _show(request, database, services, account_id)


@router.post("/accounts/{account_id}/limit")
def change_limit(
    request: Request, database: DatabaseOf, services: ServicesOf, account_id: IdPath, form: Posted
) -> Response:
    """Change the credit limit."""
    body = {
        "credit_limit": form.amount("limit", services.read_account(account_id).currency, least=0),
        "reason": form.text("reason", "a reason"),
        "change_id": f"staff-{form.id()}",
    }
    if form.ok:
        fields = {"/credit_limit": "limit", "/reason": "reason"}
        if form.send(lambda: services.change_limit(account_id, body), fields):
            return see(f"/staff/accounts/{account_id}")
    return _show(request, database, services, account_id, limit_form=form)


@router.post("/accounts/{account_id}/status")
def change_status(
    request: Request, database: DatabaseOf, services: ServicesOf, account_id: IdPath, form: Posted
) -> Response:
    """Freeze, release or close an account."""
    body = {
        "status": form.choice("status", STATUSES),
        "reason_code": form.choice("reason_code", REASON_CODES),
        "reason": form.text("reason", "a reason"),
        "change_id": f"staff-{form.id()}",
    }
    if form.ok:
        fields = {f"/{name}": name for name in ("status", "reason_code", "reason")}
        if form.send(lambda: services.change_status(account_id, body), fields):
            return see(f"/staff/accounts/{account_id}")
    return _show(request, database, services, account_id, status_form=form)


def _check_user(connection: Connection, form: Form, user_name: str, password: str) -> None:
    """Check that the user is new and has a good password, or is a cardholder already."""
    known = find_user(connection, user_name)
    if known is None:
        try:
            check_new_user(user_name, password)
        except BadUserError as error:
            form.refuse(error.fields[0], error.what)
    elif known.role is not Role.CARDHOLDER:
        form.refuse("user_name", "This is a member of staff. Choose another user name.")
    elif password and not check_password(connection, user_name, password):
        form.refuse(
            "user_name",
            "This user exists already. Leave the password empty to add the account to this user.",
        )


def _show_new(request: Request, form: Form, status: int = 200) -> Response:
    return page(
        request,
        "staff_new_account.html",
        status,
        form=form,
        products=PRODUCTS,
        currencies=CURRENCIES,
    )


def _show(  # noqa: PLR0913  # the two forms of one page
    request: Request,
    database: DatabaseOf,
    services: Services,
    account_id: str,
    *,
    limit_form: Form | None = None,
    status_form: Form | None = None,
) -> Response:
    account = services.read_account(account_id)
    with database.transaction() as connection:
        users = users_of(connection, account_id)
    try:
        balance = services.platform.read_balance(account_id)
    except TxPlatformClientError as error:
        _log.warning("an account is shown without its balance", reason=str(error))
        balance = None
    return page(
        request,
        "staff_account.html",
        422 if limit_form or status_form else 200,
        account=account,
        users=users,
        balance=balance,
        statuses=STATUSES,
        reason_codes=REASON_CODES,
        limit_form=limit_form or Form(),
        status_form=status_form or Form(status=account.status, reason_code="none"),
    )

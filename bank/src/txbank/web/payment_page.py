"""Paying from a bank account, and the states of earlier payments."""

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from txbank.web.forms import Form, Posted
from txbank.web.pages import page, see
from txbank.web.services import Services
from txbank.web.users import OwnAccount
from txbank.web.visitor import AccountOf, ServicesOf, only_cardholders

router = APIRouter(
    prefix="/accounts/{account_id}/payments", dependencies=[Depends(only_cardholders)]
)


@router.get("")
def show_payments(request: Request, services: ServicesOf, account: AccountOf) -> Response:
    """Show the form, and the newest payments with their states."""
    return _show(request, services, account, Form())


@router.post("")
def submit_payment(
    request: Request, services: ServicesOf, account: AccountOf, form: Posted
) -> Response:
    """Submit a payment."""
    body = {
        "payment_id": form.id(),
        "account_id": account.account_id,
        "amount": form.amount("amount", account.currency),
        "currency": account.currency,
        "bank_account": form.text("bank_account", "your IBAN", longest=42),
    }
    if form.ok:
        fields = {f"/{name}": name for name in ("amount", "bank_account")}
        if form.send(lambda: services.pay(body), {**fields, "/currency": "amount"}):
            return see(f"/accounts/{account.account_id}/payments")
    return _show(request, services, account, form, 422)


def _show(
    request: Request, services: Services, account: OwnAccount, form: Form, status: int = 200
) -> Response:
    payments = services.list_payments(account_id=account.account_id).items
    return page(request, "payments.html", status, account=account, form=form, payments=payments)

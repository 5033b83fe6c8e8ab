"""The form that acts as a shop's terminal: it asks the platform for an authorization."""

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from txbank.web.forms import Form, Posted
from txbank.web.pages import page, see
from txbank.web.users import OwnAccount
from txbank.web.visitor import AccountOf, ServicesOf, only_cardholders
from txplatform_client import Merchant, Purchase

router = APIRouter(
    prefix="/accounts/{account_id}/purchase", dependencies=[Depends(only_cardholders)]
)

SHOPS = {
    "5411": "Groceries",
    "5812": "Restaurant",
    "5999": "Shop",
    "5542": "Fuel",
    "4111": "Public transport",
    "7011": "Hotel",
    "6011": "Cash",
    "7995": "Gambling",
}
"""Kinds of shops by their category code (ISO 18245)."""

COUNTRIES = {
    "CHE": "Switzerland",
    "DEU": "Germany",
    "FRA": "France",
    "GBR": "United Kingdom",
    "ITA": "Italy",
    "JPN": "Japan",
    "NLD": "Netherlands",
    "USA": "United States",
}
"""Countries of shops (ISO 3166-1 alpha-3)."""


@router.get("")
def show_purchase(request: Request, account: AccountOf) -> Response:
    """Show the form."""
    return _show(request, account, Form(category="5411", country="DEU"))


@router.post("")
def submit_purchase(
    request: Request, services: ServicesOf, account: AccountOf, form: Posted
) -> Response:
    """Ask for an authorization, and show the decision on it."""
    purchase = Purchase(
        transaction_id=form.id(),
        account_id=account.account_id,
        amount=form.amount("amount", account.currency),
        currency=account.currency,
        merchant=Merchant(
            form.text("shop", "the name of the shop", longest=100),
            category_code=form.choice("category", SHOPS),
            country=form.choice("country", COUNTRIES),
        ),
    )
    if form.ok:
        fields = {"/amount": "amount", "/merchant/name": "shop", "/merchant": "shop"}
        decision = form.send(lambda: services.platform.decide_purchase(purchase), fields)
        if decision:
            return see(f"/accounts/{account.account_id}/transactions/{decision.transaction_id}")
    return _show(request, account, form, 422)


def _show(request: Request, account: OwnAccount, form: Form, status: int = 200) -> Response:
    return page(
        request,
        "purchase.html",
        status,
        account=account,
        form=form,
        shops=SHOPS,
        countries=COUNTRIES,
    )

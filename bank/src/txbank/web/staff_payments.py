"""Staff's pages of payments: deciding on held ones, and reporting bounced ones."""

from typing import Literal

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from txbank.fields import PaymentIdPath
from txbank.web.faults import read_or_none
from txbank.web.forms import Form, Posted
from txbank.web.pages import page, see
from txbank.web.services import Services
from txbank.web.visitor import ServicesOf, only_staff

router = APIRouter(prefix="/staff/payments", dependencies=[Depends(only_staff)])

State = Literal["held", "accepted", "refused", "returned"]
RETURN_CODES = ("AC04", "AM04", "MD07", "MS03")
"""Why a payer's bank returns a payment (ISO 20022), as far as staff report it by hand."""


@router.get("")
def list_payments(
    request: Request, services: ServicesOf, state: State = "held", after: str | None = None
) -> Response:
    """List the payments in one state, newest first."""
    return _show(request, services, state, after=after)


@router.post("/{payment_id:path}/{action}")
def act(
    request: Request,
    services: ServicesOf,
    payment_id: PaymentIdPath,
    action: Literal["release", "refuse", "return"],
    form: Posted,
) -> Response:
    """Release or refuse a held payment, or report that an accepted one bounced."""
    state: State = "accepted" if action == "return" else "held"
    if action == "return":
        reason = form.choice("reason", RETURN_CODES)
    else:
        reason = form.text("reason", "a reason")
    if form.ok:
        sent = form.send(
            lambda: services.act_on_payment(payment_id, action, reason), {"/reason": "reason"}
        )
        if sent:
            return see(f"/staff/payments?state={state}")
    return _show(request, services, state, payment_id=payment_id, form=form)


def _show(  # noqa: PLR0913  # what the list shows, and the form that was wrong
    request: Request,
    services: Services,
    state: State,
    *,
    after: str | None = None,
    payment_id: str | None = None,
    form: Form | None = None,
) -> Response:
    found = read_or_none(lambda: services.list_payments(state=state, cursor=after, limit=50))
    return page(
        request,
        "staff_payments.html",
        422 if form else 200,
        state=state,
        found=found,
        codes=RETURN_CODES,
        acted_on=payment_id,
        form=form or Form(),
    )

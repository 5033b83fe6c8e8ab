"""Staff's page of failed deliveries, which notifications gave up, with a button to try again."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from starlette.requests import Request
from starlette.responses import Response

from txbank.web.faults import read_or_none
from txbank.web.forms import Form, Posted
from txbank.web.pages import page, see
from txbank.web.services import Services
from txbank.web.visitor import ServicesOf, only_staff

router = APIRouter(prefix="/staff/deliveries", dependencies=[Depends(only_staff)])

_LAST_ID = 2**63 - 1


@router.get("")
def list_deliveries(request: Request, services: ServicesOf, after: str | None = None) -> Response:
    """List the deliveries that failed, oldest first."""
    return _show(request, services, after=after)


@router.post("/{delivery_id}/retry")
def retry(
    request: Request,
    services: ServicesOf,
    delivery_id: Annotated[int, Path(ge=1, le=_LAST_ID)],
    form: Posted,
) -> Response:
    """Try a delivery again. It leaves the list unless it fails again."""
    if form.send(lambda: services.retry_delivery(delivery_id), {}):
        return see("/staff/deliveries")
    return _show(request, services, form=form)


def _show(
    request: Request, services: Services, *, after: str | None = None, form: Form | None = None
) -> Response:
    found = read_or_none(lambda: services.list_failed_deliveries(after))
    return page(
        request,
        "staff_deliveries.html",
        422 if form else 200,
        found=found,
        form=form or Form(),
    )

"""Staff's page that settles a batch of clearings, and lists the clean, waiting and bad ones."""

import json
from typing import Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from txbank.fields import Id
from txbank.web.forms import Form, Posted
from txbank.web.pages import page
from txbank.web.services import Services
from txbank.web.visitor import ServicesOf, only_staff
from txplatform_client.settlement import ClearingResults

router = APIRouter(prefix="/staff/settlement", dependencies=[Depends(only_staff)])

MOST_LINES = 200


@router.get("")
def show_settlement(
    request: Request, services: ServicesOf, account_id: Id | None = None
) -> Response:
    """Show the form. If an account is given, the form has clearings of its holds."""
    lines = _clearings_of(services, account_id) if account_id else ""
    return page(request, "staff_settlement.html", form=Form(lines=lines), results=None)


@router.post("")
def settle(request: Request, services: ServicesOf, form: Posted) -> Response:
    """Send the batch, and list the outcome of each line. A repeated clearing posts nothing."""
    items = _read_lines(form)
    results: ClearingResults | None = None
    if form.ok:
        results = form.send(lambda: services.platform.clear_purchases(items), {})
    return page(
        request, "staff_settlement.html", 200 if results else 422, form=form, results=results
    )


def _read_lines(form: Form) -> list[dict[str, Any]]:
    """Return the clearing of each line: a JSON object with the fields of the platform's API."""
    items = []
    for number, line in enumerate(form.typed.get("lines", "").split("\n"), 1):
        if not line.strip():
            continue
        try:
            item = json.loads(line)
        except (ValueError, RecursionError):
            item = None
        if not isinstance(item, dict):
            form.refuse("lines", f"Line {number} is not a JSON object, so no line was sent.")
        else:
            items.append(item)
    if not items:
        form.refuse("lines", "Enter at least one clearing.")
    if len(items) > MOST_LINES:
        form.refuse("lines", f"Send at most {MOST_LINES} lines at once.")
    return items


def _clearings_of(services: Services, account_id: str) -> str:
    """Return a line for each of the account's newest holds, which clears it in full."""
    holds = services.platform.list_transactions(account_id, state="held").page().items
    return "\n".join(
        json.dumps(
            {
                "clearing_id": f"clr-{each.transaction_id}",
                "account_id": account_id,
                "transaction_id": each.transaction_id,
                "amount": each.hold,
                "currency": each.currency,
            }
        )
        for each in holds
    )

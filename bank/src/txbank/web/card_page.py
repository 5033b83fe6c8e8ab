"""Freezing a card, and the cardholder's own limits, which are controls of the platform."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from txbank.tracing import logger
from txbank.web.forms import Form, Posted
from txbank.web.pages import page, see
from txbank.web.services import AccountHistory, Services
from txbank.web.users import OwnAccount
from txbank.web.visitor import AccountOf, ServicesOf, only_cardholders
from txplatform_client import ControlsChange, Money, TxPlatformClientError

router = APIRouter(prefix="/accounts/{account_id}/card", dependencies=[Depends(only_cardholders)])

_OWN_CHANGE = "cardholder-"
"""The prefix of the cardholder's change ids, which tells them from those of staff."""
_DAY_MINUTES = 1440
_GAMBLING = ["7800-7802", "7995"]
REASONS = {"none": "I cannot find it", "lost": "It is lost", "stolen": "It was stolen"}
"""Why a cardholder freezes the card. Only the first can be undone without staff."""

_log = logger("web")


@router.get("")
def show_card(request: Request, services: ServicesOf, account: AccountOf) -> Response:
    """Show both forms."""
    return _show(request, services, account)


@router.post("/freeze")
def freeze(request: Request, services: ServicesOf, account: AccountOf, form: Posted) -> Response:
    """Freeze the card. A card that is frozen already stays as it is."""
    reason_code = form.choice("reason_code", REASONS)
    change = {
        "status": "frozen",
        "reason_code": reason_code,
        "reason": "Frozen by the cardholder.",
    }
    return _change_status(
        request,
        services,
        account,
        form,
        change,
        may=lambda history: history.status == "active",
        otherwise="The card is not active, so there is nothing to freeze.",
    )


@router.post("/unfreeze")
def unfreeze(request: Request, services: ServicesOf, account: AccountOf, form: Posted) -> Response:
    """Use the card again, if the cardholder froze it and it was not lost or stolen."""
    return _change_status(
        request,
        services,
        account,
        form,
        {"status": "active", "reason": "Released by the cardholder."},
        may=_may_unfreeze,
        otherwise="Only the bank can release this card. Call us.",
    )


def _change_status(  # noqa: PLR0913  # the form, what it does, and when it may
    request: Request,
    services: Services,
    account: OwnAccount,
    form: Form,
    change: dict[str, Any],
    *,
    may: Callable[[AccountHistory], bool],
    otherwise: str,
) -> Response:
    """Change the status, unless it may not be changed or staff have changed it meanwhile."""
    change_id = _OWN_CHANGE + form.id()
    if form.ok:
        history = services.read_account(account.account_id)
        newest = history.statuses[0]
        body = {**change, "expected_version": newest.status_version, "change_id": change_id}
        if newest.change_id == change_id:
            return see(f"/accounts/{account.account_id}/card")  # the form was sent before
        if not may(history):
            form.fault = otherwise
        elif form.send(lambda: services.change_status(account.account_id, body), {}):
            return see(f"/accounts/{account.account_id}/card")
    return _show(request, services, account, freeze_form=form, status=422)


@router.post("/limits")
def set_limits(
    request: Request, services: ServicesOf, account: AccountOf, form: Posted
) -> Response:
    """Replace the cardholder's own limits. An empty field is no limit."""
    rules: list[dict[str, Any]] = []
    if form.typed.get("purchase", "").strip():
        most = form.amount("purchase", account.currency)
        rules.append({"rule": "amount_limit", "max_amount": most})
    if form.typed.get("day", "").strip():
        most = form.amount("day", account.currency)
        rules.append(
            {"rule": "velocity_amount", "window_minutes": _DAY_MINUTES, "max_amount": most}
        )
    if "no_gambling" in form.typed:
        rules.append({"rule": "category_deny", "categories": _GAMBLING})
    controls_id = form.id()
    if form.ok:
        change = ControlsChange(
            controls_id=controls_id, rules=rules, reason="Set by the cardholder."
        )
        platform = services.platform
        if form.send(lambda: platform.set_controls(account.account_id, change), {}):
            return see(f"/accounts/{account.account_id}/card")
    return _show(request, services, account, limits_form=form, status=422)


def _may_unfreeze(account: AccountHistory) -> bool:
    newest = account.statuses[0]
    by_cardholder = (newest.change_id or "").startswith(_OWN_CHANGE)
    return newest.status == "frozen" and newest.reason_code is None and by_cardholder


def _show(  # noqa: PLR0913  # the two forms of one page
    request: Request,
    services: Services,
    account: OwnAccount,
    *,
    freeze_form: Form | None = None,
    limits_form: Form | None = None,
    status: int = 200,
) -> Response:
    history = services.read_account(account.account_id)
    if limits_form is None:
        try:
            limits_form = Form(_typed_limits(services, account))
        except TxPlatformClientError as error:
            _log.warning("a card is shown without its limits", reason=str(error))
    return page(
        request,
        "card.html",
        status,
        account=account,
        card=history.statuses[0],
        may_unfreeze=_may_unfreeze(history),
        reasons=REASONS,
        freeze_form=freeze_form or Form(reason_code="none"),
        limits_form=limits_form,
    )


def _typed_limits(services: Services, account: OwnAccount) -> dict[str, str]:
    """Return the limits in force, as text for the form."""
    typed = {}
    for rule in services.platform.read_controls(account.account_id).rules:
        match rule:
            case {"rule": "amount_limit", "max_amount": int(most)}:
                typed["purchase"] = str(Money(most, account.currency).amount)
            case {"rule": "velocity_amount", "max_amount": int(most)}:
                typed["day"] = str(Money(most, account.currency).amount)
            case {"rule": "category_deny"}:
                typed["no_gambling"] = "on"
    return typed

"""The pages of one account: its balance with the live list, and one purchase."""

import asyncio
from collections.abc import AsyncIterator

from fastapi import APIRouter, Depends
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from txbank.database import DatabaseOf
from txbank.fields import IdPath
from txbank.tracing import logger
from txbank.web.activity import Activity, read_activity
from txbank.web.live import Live, Watch
from txbank.web.pages import fragment, page
from txbank.web.services import Services
from txbank.web.sessions import is_open
from txbank.web.users import OwnAccount
from txbank.web.visitor import COOKIE, AccountOf, ServicesOf, only_cardholders
from txplatform_client import TxPlatformClientError

router = APIRouter(prefix="/accounts/{account_id}", dependencies=[Depends(only_cardholders)])

_LAG_S = 0.05
"""The pause before the list is read again, if it lacks a transaction that was published."""
_RETRY_S = 1.0

_log = logger("web")


@router.get("")
def show_account(request: Request, services: ServicesOf, account: AccountOf) -> Response:
    """Show one account. The page keeps itself up to date."""
    activity = read_activity(services.platform, account.account_id)
    return page(request, "account.html", account=account, activity=activity)


@router.get("/live", response_class=EventSourceResponse)
async def follow_account(
    request: Request, database: DatabaseOf, services: ServicesOf, account: AccountOf
) -> AsyncIterator[ServerSentEvent]:
    """Send the list of an account now and after each change, until the session ends."""
    live: Live = request.app.state.live

    def still_logged_in() -> bool:
        with database.transaction() as connection:
            return is_open(connection, request.cookies[COOKIE])

    with live.watch(account.account_id) as watch:
        while not watch.closed:
            if not await run_in_threadpool(still_logged_in):
                yield ServerSentEvent(event="activity", raw_data=fragment("logged_out.html"))
                return
            activity = await _read_up_to_date(services, account, watch)
            html = fragment("activity.html", account=account, activity=activity)
            yield ServerSentEvent(event="activity", raw_data=html)
            await watch.changed()


async def _read_up_to_date(
    services: Services, account: OwnAccount, watch: Watch
) -> Activity | None:
    """Read an account until its list has all published events."""
    while True:
        try:
            activity = await run_in_threadpool(read_activity, services.platform, account.account_id)
        except TxPlatformClientError as error:
            _log.warning("a live list waits for the platform", reason=str(error))
            await asyncio.sleep(_RETRY_S)
        else:
            if watch.closed or activity is None or activity.position >= watch.position:
                return activity
            await asyncio.sleep(_LAG_S)


@router.get("/transactions/{transaction_id}")
def show_transaction(
    request: Request, services: ServicesOf, account: AccountOf, transaction_id: IdPath
) -> Response:
    """Show a purchase with everything that happened to it."""
    found = services.platform.read_transaction(account.account_id, transaction_id)
    return page(request, "transaction.html", account=account, transaction=found)

"""The HTTP API of the payments service."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from txbank.api_keys import requires
from txbank.database import Database, DatabaseOf
from txbank.fields import FreeText, Id, PaymentIdPath, RequestBody
from txbank.idempotency import note_replay
from txbank.lists import Cursor, Cursors, Limit
from txbank.payments import payment
from txbank.payments.balances import Balances
from txbank.payments.known_accounts import is_known, wait_for_account
from txbank.payments.payment import NewPayment, Payment, PaymentHistory
from txbank.payments.return_codes import ReturnCode
from txbank.payments.state import Action, PaymentState
from txbank.strict_requests import StrictRoute

READ, WRITE, STAFF = "payments:read", "payments:write", "payments:staff"

router = APIRouter(prefix="/v1/payments", tags=["payments"], route_class=StrictRoute)


class StaffDecision(RequestBody):
    """Why a member of staff releases or refuses a held payment."""

    reason: FreeText


class BouncedPayment(RequestBody):
    """Why the payer's bank returned a payment."""

    reason: ReturnCode


class PaymentPage(BaseModel):
    """A page of payments, newest first. `next_cursor` is null on the last page."""

    items: Sequence[Payment]
    next_cursor: str | None


def _balances(request: Request) -> Balances:
    balances: Balances = request.app.state.balances
    return balances


@router.post("", status_code=201, dependencies=[requires(WRITE)])
def submit_payment(
    database: DatabaseOf,
    balances: Annotated[Balances, Depends(_balances)],
    response: Response,
    body: NewPayment,
) -> Payment:
    """Take a payment: it is accepted, held for staff or refused, with a reason.

    The same id with the same content returns the first response, with 200.
    """
    with database.transaction() as connection:
        first = payment.find_first(connection, body)
        known = first is not None or is_known(connection, body.account_id)
    if first is None:
        if not known:
            wait_for_account(database, body.account_id)
        # No transaction is open while the platform is asked.
        owed = balances.owed(body.account_id)
        with database.transaction() as connection:
            first, replayed = payment.submit(connection, body, owed)
    else:
        replayed = True
    note_replay(response, replayed=replayed, status=200)
    return first


@router.get("", dependencies=[requires(READ)])
def list_payments(
    database: DatabaseOf,
    account_id: Id | None = None,
    state: PaymentState | None = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> PaymentPage:
    """List payments, newest first, of one account or in one state."""
    cursors = Cursors("payments", account_id=account_id, state=state)
    before = cursors.read(cursor, str)
    with database.transaction() as connection:
        found = payment.list_payments(
            connection, account_id=account_id, state=state, before=before, limit=limit + 1
        )
    items, next_cursor = cursors.page(found, limit, attrgetter("payment_id"))
    return PaymentPage(items=items, next_cursor=next_cursor)


@router.get("/{payment_id:path}", dependencies=[requires(READ)])
def read_payment(database: DatabaseOf, payment_id: PaymentIdPath) -> PaymentHistory:
    """Return a payment with the history of its states."""
    with database.transaction() as connection:
        return payment.read_payment(connection, payment_id)


@router.post("/{payment_id:path}/release", dependencies=[requires(STAFF)])
def release_payment(
    database: DatabaseOf, response: Response, payment_id: PaymentIdPath, body: StaffDecision
) -> Payment:
    """Accept a held payment."""
    return _act(database, response, payment_id, Action.RELEASE, body.reason)


@router.post("/{payment_id:path}/refuse", dependencies=[requires(STAFF)])
def refuse_payment(
    database: DatabaseOf, response: Response, payment_id: PaymentIdPath, body: StaffDecision
) -> Payment:
    """Refuse a held payment."""
    return _act(database, response, payment_id, Action.REFUSE, body.reason)


@router.post("/{payment_id:path}/return", dependencies=[requires(STAFF)])
def return_payment(
    database: DatabaseOf, response: Response, payment_id: PaymentIdPath, body: BouncedPayment
) -> Payment:
    """Report that an accepted payment bounced. The risk check of later payments considers this."""
    return _act(database, response, payment_id, Action.RETURN, body.reason)


def _act(
    database: Database, response: Response, payment_id: str, action: Action, reason: str
) -> Payment:
    with database.transaction() as connection:
        found, replayed = payment.act(connection, payment_id, action, reason)
    note_replay(response, replayed=replayed)
    return found

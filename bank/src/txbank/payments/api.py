"""The HTTP API of the payments service."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from txbank.api_keys import requires
from txbank.database import Database, DatabaseOf
from txbank.fields import FreeText, Id, IdPath, RequestBody
from txbank.idempotency import note_replay
from txbank.payments import payment
from txbank.payments.balances import Balances
from txbank.payments.known_accounts import wait_for_account
from txbank.payments.payment import NewPayment, Payment, PaymentHistory
from txbank.payments.return_codes import ReturnCode
from txbank.payments.state import Action, PaymentState

READ, WRITE, STAFF = "payments:read", "payments:write", "payments:staff"

router = APIRouter(prefix="/v1/payments", tags=["payments"])


class StaffDecision(RequestBody):
    """Why a member of staff releases or refuses a held payment."""

    reason: FreeText


class BouncedPayment(RequestBody):
    """Why the payer's bank returned a payment."""

    reason: ReturnCode


class PaymentPage(BaseModel):
    """A page of payments, newest first. `next_cursor` is null on the last page."""

    items: list[Payment]
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
    if first is None:
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
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    cursor: str | None = None,
) -> PaymentPage:
    """List payments, newest first, of one account or in one state."""
    with database.transaction() as connection:
        items = payment.list_payments(
            connection, account_id=account_id, state=state, before=cursor, limit=limit + 1
        )
    more = len(items) > limit
    return PaymentPage(
        items=items[:limit], next_cursor=items[limit - 1].payment_id if more else None
    )


@router.get("/{payment_id}", dependencies=[requires(READ)])
def read_payment(database: DatabaseOf, payment_id: IdPath) -> PaymentHistory:
    """Return a payment with the history of its states."""
    with database.transaction() as connection:
        return payment.read_payment(connection, payment_id)


@router.post("/{payment_id}/release", dependencies=[requires(STAFF)])
def release_payment(
    database: DatabaseOf, response: Response, payment_id: IdPath, body: StaffDecision
) -> Payment:
    """Accept a held payment."""
    return _act(database, response, payment_id, Action.RELEASE, body.reason)


@router.post("/{payment_id}/refuse", dependencies=[requires(STAFF)])
def refuse_payment(
    database: DatabaseOf, response: Response, payment_id: IdPath, body: StaffDecision
) -> Payment:
    """Refuse a held payment."""
    return _act(database, response, payment_id, Action.REFUSE, body.reason)


@router.post("/{payment_id}/return", dependencies=[requires(STAFF)])
def return_payment(
    database: DatabaseOf, response: Response, payment_id: IdPath, body: BouncedPayment
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

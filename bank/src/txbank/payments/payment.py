"""Payments: take one, let staff decide on held ones, report bounced ones, and tell the platform."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, assert_never

from psycopg.rows import DictRow
from pydantic import AfterValidator, BaseModel, Field
from stdnum import iban
from stdnum.exceptions import ValidationError as NotAnIbanError

from txbank import outbox
from txbank.database import Connection
from txbank.errors import TxBankError
from txbank.fields import (
    BANK_ACCOUNT,
    Amount,
    Currency,
    Id,
    PaymentId,
    RequestBody,
    refuse_card_number,
)
from txbank.idempotency import check_same
from txbank.payments import return_codes, risk
from txbank.payments.state import TRANSITIONS, Action, PaymentState
from txplatform_client.kafka import PaymentReturned, PaymentSubmitted


class PaymentNotFoundError(TxBankError):
    """No payment has this id."""


class NotAllowedError(TxBankError):
    """The payment's state does not allow the action."""


class CurrencyNotTakenError(TxBankError):
    """The account has another currency, or no payments are taken in the currency."""


def _bank_account(given: str) -> str:
    """Return a bank account without blanks. What looks like an IBAN must be one (ISO 13616)."""
    compact = refuse_card_number(given).replace(" ", "").upper()
    if compact[:2].isalpha() and compact[2:4].isdigit():
        try:
            iban.validate(compact)
        except NotAnIbanError:
            raise ValueError("is not a valid IBAN; check its digits") from None
    return compact


class NewPayment(RequestBody):
    """A payment from the cardholder's bank account."""

    payment_id: PaymentId
    account_id: Id
    amount: Amount
    currency: Currency
    bank_account: Annotated[
        str,
        Field(
            pattern=BANK_ACCOUNT,
            description="The payer's IBAN, or the account number where there are no IBANs.",
        ),
        AfterValidator(_bank_account),
    ]


BalanceCheck = Literal["platform", "fallback"]


class Payment(BaseModel):
    """A payment in one of its states."""

    payment_id: str
    account_id: str
    amount: int = Field(description="Minor units of the currency.")
    currency: str
    bank_account: Annotated[str, AfterValidator(lambda given: f"…{given[-4:]}")] = Field(
        description="The last four characters of the payer's bank account."
    )
    state: PaymentState
    reason: str | None = Field(
        description="The reason of the risk check; after a release or refusal, that of staff; "
        "after a return, the ISO 20022 code. Null if the payment was accepted at once."
    )
    balance_check: BalanceCheck = Field(
        description="`fallback` if the platform returned no balance in time. Then only small "
        "payments were accepted at once."
    )
    submitted_at: datetime
    changed_at: datetime


class StateChange(BaseModel):
    """An entry in the history of a payment's states."""

    state: PaymentState
    reason: str | None
    changed_at: datetime


class PaymentHistory(Payment):
    """A payment with all its states, newest first."""

    states: list[StateChange]


_CURRENT = """
SELECT payments.*, number, reason, changed_at FROM payments CROSS JOIN LATERAL (
    SELECT number, reason, changed_at FROM payment_states
    WHERE payment_states.payment_id = payments.payment_id ORDER BY number DESC LIMIT 1
) AS newest
"""


def find_first(connection: Connection, wanted: NewPayment) -> Payment | None:
    """Return a payment as it was first decided; None if the id is new.

    Raises:
        IdReusedError: The id belongs to a payment with other content.
    """
    row = connection.execute(
        "SELECT payments.*, first.state, reason, changed_at FROM payments"
        " JOIN payment_states AS first USING (payment_id)"
        " WHERE payment_id = %s AND number = 1",
        (wanted.payment_id,),
    ).fetchone()
    if row is None:
        return None
    check_same("payment_id", wanted, row)
    return Payment(**row)


def submit(connection: Connection, wanted: NewPayment, owed: int | None) -> tuple[Payment, bool]:
    """Take a payment; return it as first decided, and whether this is a repeat.

    Args:
        connection: In a transaction.
        wanted: The payment.
        owed: What the platform says is owed, minor units; None if it did not respond.

    Raises:
        IdReusedError: The id belongs to a payment with other content.
        CurrencyNotTakenError: The account has another currency, or no payments in it are taken.
    """
    account = connection.execute(
        "SELECT currency, opened_at FROM known_accounts WHERE account_id = %s",
        (wanted.account_id,),
    ).fetchone()
    _check_currency(wanted.currency, account)
    payer = risk.Payer(
        opened_at=account["opened_at"] if account else None,
        returns=_returns(connection, wanted.account_id),
        owed=owed,
    )
    state, reason = risk.assess(wanted.amount, wanted.currency, payer, datetime.now(UTC))
    inserted = connection.execute(
        "INSERT INTO payments VALUES (%s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT DO NOTHING RETURNING *",
        (
            wanted.payment_id,
            wanted.account_id,
            wanted.amount,
            wanted.currency,
            wanted.bank_account,
            "fallback" if owed is None else "platform",
            state,
        ),
    ).fetchone()
    if inserted:
        _note_state(connection, inserted, 1, state, reason)
    payment = find_first(connection, wanted)
    assert payment is not None
    return payment, inserted is None


def act(
    connection: Connection, payment_id: str, action: Action, reason: str
) -> tuple[Payment, bool]:
    """Release, refuse or return a payment; return it, and whether this is a repeat.

    Args:
        connection: In a transaction.
        payment_id: The payment.
        action: What to do.
        reason: The reason that staff entered, or the ISO 20022 code of a return.

    Raises:
        PaymentNotFoundError: No payment has this id.
        NotAllowedError: The payment's state does not allow the action.
    """
    locked = connection.execute(
        "SELECT 1 FROM payments WHERE payment_id = %s FOR UPDATE", (payment_id,)
    ).fetchone()
    if locked is None:
        raise _not_found(payment_id)
    newest = _read(connection, payment_id)
    before, after = TRANSITIONS[action]
    if (newest["state"], newest["reason"]) == (after, reason):
        return Payment(**newest), True
    if newest["state"] != before:
        raise NotAllowedError(
            f"The payment is {newest['state']}; {action} needs one that is {before}.",
            next_step="Read the payment to see what happened to it.",
        )
    connection.execute("UPDATE payments SET state = %s WHERE payment_id = %s", (after, payment_id))
    _note_state(connection, newest, newest["number"] + 1, after, reason)
    return Payment(**_read(connection, payment_id)), False


def read_payment(connection: Connection, payment_id: str) -> PaymentHistory:
    """Return a payment with its history.

    Raises:
        PaymentNotFoundError: No payment has this id.
    """
    states = connection.execute(
        "SELECT * FROM payment_states WHERE payment_id = %s ORDER BY number DESC", (payment_id,)
    )
    return PaymentHistory(
        **_read(connection, payment_id), states=[StateChange(**each) for each in states]
    )


def list_payments(
    connection: Connection,
    *,
    account_id: str | None,
    state: PaymentState | None,
    before: str | None,
    limit: int,
) -> list[Payment]:
    """Return payments, newest first, beginning with the newest one older than `before`."""
    conditions, values = ["true"], dict[str, Any](limit=limit)
    if account_id is not None:
        conditions.append("account_id = %(account_id)s")
        values["account_id"] = account_id
    if state is not None:
        conditions.append("state = %(state)s")
        values["state"] = state
    if before is not None:
        conditions.append(
            "(submitted_at, payments.payment_id) <"
            " (SELECT submitted_at, payment_id FROM payments WHERE payment_id = %(before)s)"
        )
        values["before"] = before
    rows = connection.execute(
        f"{_CURRENT} WHERE {' AND '.join(conditions)}"
        " ORDER BY submitted_at DESC, payments.payment_id DESC LIMIT %(limit)s",
        values,
    )
    return [Payment(**row) for row in rows]


def _check_currency(currency: str, account: DictRow | None) -> None:
    taken = [account["currency"]] if account else [*risk.THRESHOLDS]
    if currency not in taken or currency not in risk.THRESHOLDS:
        raise CurrencyNotTakenError(
            f"No payments in {currency} are taken for this account.",
            next_step=f"Pay in {' or '.join(taken)}.",
            fields=["currency"],
        )


def _returns(connection: Connection, account_id: str) -> int:
    row = connection.execute(
        "SELECT count(*) AS returns FROM payments JOIN payment_states USING (payment_id, state)"
        " WHERE account_id = %s AND state = 'returned' AND changed_at > now() - %s",
        (account_id, risk.RETURNS_COUNT_FOR),
    ).fetchone()
    return row["returns"] if row else 0


def _note_state(
    connection: Connection, payment: DictRow, number: int, state: PaymentState, reason: str | None
) -> None:
    """Add a state to the history, and tell the platform if the state moves money."""
    noted = connection.execute(
        "INSERT INTO payment_states VALUES (%s, %s, %s, %s) RETURNING changed_at",
        (payment["payment_id"], number, state, reason),
    ).fetchone()
    assert noted is not None
    common = {name: payment[name] for name in ("account_id", "payment_id", "amount", "currency")}
    match state:
        case PaymentState.ACCEPTED:
            submitted_at = payment["submitted_at"]
            outbox.add(connection, PaymentSubmitted(**common, submitted_at=submitted_at))
        case PaymentState.RETURNED:
            outbox.add(
                connection,
                PaymentReturned(
                    **common,
                    reason=return_codes.describe(str(reason)),
                    returned_at=noted["changed_at"],
                ),
            )
        case PaymentState.HELD | PaymentState.REFUSED:
            pass  # no money moved
        case _:
            assert_never(state)


def _read(connection: Connection, payment_id: str) -> DictRow:
    row = connection.execute(f"{_CURRENT} WHERE payment_id = %s", (payment_id,)).fetchone()
    if row is None:
        raise _not_found(payment_id)
    return row


def _not_found(payment_id: str) -> PaymentNotFoundError:
    return PaymentNotFoundError(f"There is no payment {payment_id}.", next_step="Check the id.")

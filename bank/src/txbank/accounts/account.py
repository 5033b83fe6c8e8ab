"""Card accounts: open them, and change limit and status. Each change commits with its message.

An account's limits and statuses are histories that only grow. The newest entry is in force, and the
platform applies the highest version whatever the order of arrival. So the last change wins.
"""

from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from typing import Annotated, Any
from uuid import uuid4

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from txbank import outbox
from txbank.accounts.products import Product, check_limit
from txbank.database import Connection
from txbank.errors import TxBankError
from txbank.fields import EMAIL, AmountOrZero, BodyId, Currency, FreeText, Id, RequestBody
from txbank.idempotency import check_same
from txplatform_client.fields import AccountStatus, FreezeReason
from txplatform_client.kafka import AccountOpened, AccountStatusChanged, CreditLimitChanged


class AccountNotFoundError(TxBankError):
    """No account has this id."""


class AccountClosedError(TxBankError):
    """The account is closed for good, so its limit and status cannot change."""


class StatusChangedError(TxBankError):
    """The status is no longer the one that the change was meant for."""


def _email(given: str) -> str:
    """Return an address to which a mail can be written (RFC 5322)."""
    try:
        understood = Address(addr_spec=given).addr_spec
    except (ValueError, IndexError, AttributeError, MessageError):  # what the parser raises
        understood = ""
    if understood != given:
        raise ValueError("is not an e-mail address such as ada@example.org")
    return given


class Holder(RequestBody):
    """The holder of an account. These fields are stored only here, and never published."""

    name: FreeText
    email: Annotated[str, Field(max_length=254, pattern=EMAIL), AfterValidator(_email)]


class NewAccount(RequestBody):
    """A request to open an account. Without an id the service chooses one."""

    account_id: Id | None = None
    holder: Holder
    product: Product
    currency: Currency
    credit_limit: AmountOrZero


class NewCreditLimit(RequestBody):
    """A request to change the credit limit. A repeated `change_id` changes nothing."""

    credit_limit: AmountOrZero
    reason: FreeText
    change_id: BodyId | None = None


class NewStatus(RequestBody):
    """A request to change the status. A repeated `change_id` changes nothing."""

    status: Annotated[AccountStatus, Field(description="`closed` is permanent.")]
    reason_code: Annotated[
        FreezeReason | None, BeforeValidator(lambda value: None if value == "none" else value)
    ] = Field(
        default=None,
        description="Decides the response code of declines; null or `none` for no reason.",
    )
    reason: FreeText
    expected_version: int | None = Field(
        default=None,
        strict=True,
        ge=0,
        description="If given, the change is made only while this is the newest `status_version`.",
    )
    change_id: BodyId | None = None


class CreditLimit(BaseModel):
    """An entry in the history of an account's limits. Version 0 is that of the opening."""

    limit_version: int
    credit_limit: int = Field(description="Minor units of the account's currency.")
    reason: str
    change_id: str | None = Field(description="Null for the opening.")
    changed_at: datetime


class Status(BaseModel):
    """An entry in the history of an account's statuses. Version 0 is that of the opening."""

    status_version: int
    status: AccountStatus
    reason_code: FreezeReason | None
    reason: str
    change_id: str | None = Field(description="Null for the opening.")
    changed_at: datetime


class Account(BaseModel):
    """An account with the limit and the status that are in force."""

    account_id: str
    holder: Holder
    product: Product
    currency: str
    credit_limit: int = Field(description="Minor units of the currency.")
    limit_version: int
    status: AccountStatus
    status_version: int
    reason_code: FreezeReason | None
    opened_at: datetime

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> "Account":
        """Return the account that a row of `current_accounts` describes."""
        holder = Holder.model_construct(name=row["holder_name"], email=row["holder_email"])
        return cls(holder=holder, **row)


class AccountHistory(Account):
    """An account with all its limits and statuses, newest first."""

    credit_limits: list[CreditLimit]
    statuses: list[Status]


def open_account(connection: Connection, wanted: NewAccount) -> tuple[Account, bool]:
    """Open an account; return it as first opened, and whether this is a repeat.

    Raises:
        ProductRuleError: The product does not allow the currency or the limit.
        IdReusedError: The id belongs to an account that was opened with other content.
    """
    if wanted.account_id is None:
        wanted = wanted.model_copy(update={"account_id": f"acc-{uuid4()}"})
    account_id, holder = str(wanted.account_id), wanted.holder
    opened = connection.execute(
        "INSERT INTO accounts (account_id, holder_name, holder_email, product, currency)"
        " VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING opened_at",
        (account_id, holder.name, holder.email, wanted.product, wanted.currency),
    ).fetchone()
    if opened:
        check_limit(wanted.product, wanted.currency, wanted.credit_limit)
        connection.execute(
            "INSERT INTO credit_limits VALUES (%s, 0, %s, 'The account was opened.')",
            (account_id, wanted.credit_limit),
        )
        connection.execute(
            "INSERT INTO statuses VALUES (%s, 0, 'active', NULL, 'The account was opened.')",
            (account_id,),
        )
        message = AccountOpened(
            account_id=account_id,
            currency=wanted.currency,
            credit_limit=wanted.credit_limit,
            opened_at=opened["opened_at"],
        )
        outbox.add(connection, message)
    history = read_account(connection, account_id)
    limit, status = history.credit_limits[-1], history.statuses[-1]
    account = Account(**{**dict(history), **dict(limit), **dict(status)})
    check_same("account_id", wanted, account.model_dump())
    return account, opened is None


def read_account(connection: Connection, account_id: str) -> AccountHistory:
    """Return an account with its history.

    Raises:
        AccountNotFoundError: No account has this id.
    """
    row = connection.execute(
        "SELECT * FROM current_accounts WHERE account_id = %s", (account_id,)
    ).fetchone()
    if row is None:
        raise _not_found(account_id)
    limits = connection.execute(
        "SELECT * FROM credit_limits WHERE account_id = %s ORDER BY limit_version DESC",
        (account_id,),
    )
    statuses = connection.execute(
        "SELECT * FROM statuses WHERE account_id = %s ORDER BY status_version DESC", (account_id,)
    )
    return AccountHistory(
        **dict(Account.from_row(row)),
        credit_limits=[CreditLimit(**each) for each in limits],
        statuses=[Status(**each) for each in statuses],
    )


def list_accounts(connection: Connection, *, after: str | None, limit: int) -> list[Account]:
    """Return accounts in the order of their ids, beginning after the id `after`."""
    rows = connection.execute(
        "SELECT * FROM current_accounts WHERE account_id > %s ORDER BY account_id LIMIT %s",
        (after or "", limit),
    )
    return [Account.from_row(row) for row in rows]


def change_credit_limit(
    connection: Connection, account_id: str, wanted: NewCreditLimit
) -> tuple[CreditLimit, bool]:
    """Change the credit limit; return the change, and whether this is a repeat.

    Raises:
        AccountNotFoundError: No account has this id.
        IdReusedError: The change id was used with other content.
        AccountClosedError: The account is closed.
        ProductRuleError: The product does not allow the limit.
    """
    account = _lock(connection, account_id)
    if earlier := _earlier(connection, "credit_limits", account_id, wanted):
        return CreditLimit(**earlier), True
    _check_not_closed(account)
    check_limit(account.product, account.currency, wanted.credit_limit)
    row = connection.execute(
        "INSERT INTO credit_limits VALUES (%s, %s, %s, %s, %s) RETURNING *",
        (
            account_id,
            account.limit_version + 1,
            wanted.credit_limit,
            wanted.reason,
            wanted.change_id or str(uuid4()),
        ),
    ).fetchone()
    assert row is not None
    change = CreditLimit(**row)
    message = CreditLimitChanged(
        account_id=account_id,
        credit_limit=change.credit_limit,
        currency=account.currency,
        limit_version=change.limit_version,
        effective_at=change.changed_at,
    )
    outbox.add(connection, message)
    return change, False


def change_status(
    connection: Connection, account_id: str, wanted: NewStatus
) -> tuple[Status, bool]:
    """Change the status; return the change, and whether this is a repeat.

    Raises:
        AccountNotFoundError: No account has this id.
        IdReusedError: The change id was used with other content.
        AccountClosedError: The account is closed.
        StatusChangedError: The newest version is not the one that is expected.
    """
    account = _lock(connection, account_id)
    if earlier := _earlier(connection, "statuses", account_id, wanted):
        return Status(**earlier), True
    _check_not_closed(account)
    if wanted.expected_version not in (None, account.status_version):
        raise StatusChangedError(
            f"The status has version {account.status_version} by now.",
            next_step="Read the account, and decide again.",
        )
    row = connection.execute(
        "INSERT INTO statuses VALUES (%s, %s, %s, %s, %s, %s) RETURNING *",
        (
            account_id,
            account.status_version + 1,
            wanted.status,
            wanted.reason_code,
            wanted.reason,
            wanted.change_id or str(uuid4()),
        ),
    ).fetchone()
    assert row is not None
    change = Status(**row)
    # The reason in words stays here, since people write names into it.
    message = AccountStatusChanged(
        account_id=account_id,
        status=change.status,
        status_version=change.status_version,
        reason_code=change.reason_code,
        changed_at=change.changed_at,
    )
    outbox.add(connection, message)
    return change, False


def _lock(connection: Connection, account_id: str) -> Account:
    """Return an account whose changes wait until the end of the transaction."""
    locked = connection.execute(
        "SELECT 1 FROM accounts WHERE account_id = %s FOR UPDATE", (account_id,)
    ).fetchone()
    if locked is None:
        raise _not_found(account_id)
    row = connection.execute(
        "SELECT * FROM current_accounts WHERE account_id = %s", (account_id,)
    ).fetchone()
    assert row is not None
    return Account.from_row(row)


def _earlier(
    connection: Connection, table: str, account_id: str, wanted: NewCreditLimit | NewStatus
) -> dict[str, Any] | None:
    """Return the change that was made under the same id, if one was."""
    row = connection.execute(
        f"SELECT * FROM {table} WHERE account_id = %s AND change_id = %s",
        (account_id, wanted.change_id),
    ).fetchone()
    if row is not None:
        check_same("change_id", wanted, row)
    return row


def _check_not_closed(account: Account) -> None:
    if account.status == "closed":
        raise AccountClosedError(
            f"The account {account.account_id} is closed permanently.",
            next_step="Open another account.",
        )


def _not_found(account_id: str) -> AccountNotFoundError:
    return AccountNotFoundError(
        f"There is no account {account_id}.", next_step="Check the id, or open the account."
    )

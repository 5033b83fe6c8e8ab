"""Accounts: opening, balance, operator's status, and controls (the account's own rules)."""

from typing import Any

from txplatform_client.call import Call, call
from txplatform_client.fields import (
    AccountId,
    AccountStatus,
    AmountOrZero,
    Balance,
    Body,
    BusinessId,
    CurrencyCode,
    FreezeReason,
    SignedBalance,
    Time,
)
from txplatform_client.money import Money


class Opening(Body, kw_only=True):
    """A request to open an account.

    Attributes:
        account_id: The idempotency key.
        credit_limit: The first limit, minor units.
        opening_balance: What is owed when the account moves to the platform, minor units; negative
            if the bank owes.
    """

    account_id: AccountId
    currency: CurrencyCode
    credit_limit: AmountOrZero
    opening_balance: SignedBalance = 0
    opened_at: Time | None = None


class AccountBalance(Balance):
    """An account's newest balance. The amounts are those of `Balance`.

    Attributes:
        status: The stricter of two: the operator's status (`set_status`), and the accounts team's
            (`AccountStatusChanged`).
        account_version: Grows by one with each event of the account.
        as_of: The time of the read.
    """

    account_id: str
    currency: str
    status: AccountStatus
    account_version: int
    as_of: Time

    @property
    def available_money(self) -> Money:
        """The available credit with its currency."""
        return Money(self.available, self.currency)


class StatusChange(Body, kw_only=True):
    """A request to set the operator's status.

    Attributes:
        status_id: The idempotency key.
        status: `closed` is permanent.
        reason: Text for people.
        reason_code: Decides the response code of declines while the account is frozen.
    """

    status_id: BusinessId
    status: AccountStatus
    reason: str
    reason_code: FreezeReason | None = None


class OperatorStatus(Body):
    """The operator's status of an account. The status in force may be stricter.

    Attributes:
        account_version: The account's version after the change.
    """

    status_id: str
    account_id: str
    status: AccountStatus
    reason: str
    reason_code: FreezeReason | None
    account_version: int
    event_id: str
    recorded_at: Time


class ControlsChange(Body, kw_only=True):
    """A request to replace the rules of one account.

    Attributes:
        controls_id: The idempotency key.
        rules: All rules of the account, as JSON; empty to remove them.
        reason: Text for people.
    """

    controls_id: str
    rules: list[dict[str, Any]]
    reason: str


class ChangedControls(Body):
    """The rules that an account has after a change."""

    controls_id: str
    account_id: str
    rules: list[dict[str, Any]]
    reason: str
    account_version: int
    event_id: str
    recorded_at: Time


class Controls(Body):
    """The rules of one account, at one account version."""

    account_id: str
    rules: list[dict[str, Any]]
    account_version: int
    as_of: Time


class AccountCalls:
    """The calls about one account."""

    @call
    def open_account(self, opening: Opening) -> Call[AccountBalance]:
        """Open an account. A repeat returns the current balance. Scope `accounts:write`."""
        return Call("POST", ("accounts",), AccountBalance, body=opening)

    @call
    def read_balance(self, account_id: str) -> Call[AccountBalance]:
        """Return the newest balance. Scope `accounts:read`."""
        return Call("GET", ("accounts", account_id, "balance"), AccountBalance)

    @call
    def read_balance_if_changed(
        self, account_id: str, account_version: int
    ) -> Call[AccountBalance | None]:
        """Return the newest balance; None if the account still has this version.

        Scope `accounts:read`.
        """
        return Call(
            "GET",
            ("accounts", account_id, "balance"),
            AccountBalance | None,  # type: ignore[arg-type]  # a union is no class
            headers={"If-None-Match": f'"{account_version}"'},
        )

    @call
    def set_status(self, account_id: str, change: StatusChange) -> Call[OperatorStatus]:
        """Set the operator's status, even before the opening. Scope `accounts:write`."""
        return Call("POST", ("accounts", account_id, "status"), OperatorStatus, body=change)

    @call
    def read_controls(self, account_id: str) -> Call[Controls]:
        """Return the rules of the account. Scope `accounts:read`."""
        return Call("GET", ("accounts", account_id, "controls"), Controls)

    @call
    def set_controls(self, account_id: str, change: ControlsChange) -> Call[ChangedControls]:
        """Replace all rules of the account. Scope `accounts:write`."""
        return Call("PUT", ("accounts", account_id, "controls"), ChangedControls, body=change)

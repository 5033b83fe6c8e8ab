"""The services that the web bank calls: accounts, payments, notifications and the platform."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from txbank.settings import CommonSettings
from txbank.tracing import traceparent
from txplatform_client import AccountBalance, Client, ProblemError
from txplatform_client.accounts import Controls
from txplatform_client.call import Call
from txplatform_client.fields import Body, Page

_TIMEOUT_S, _DEADLINE_S = 3.0, 4.0
"""The time that a person waits for one attempt, and for a call with its retries."""

T = TypeVar("T")


class Holder(Body):
    """Who holds an account."""

    name: str
    email: str


class LimitChange(Body):
    """A credit limit in an account's history, minor units."""

    credit_limit: int
    reason: str
    changed_at: datetime


class StatusChange(Body):
    """A status in an account's history."""

    status_version: int
    status: str
    reason_code: str | None
    reason: str
    change_id: str | None
    changed_at: datetime


class Account(Body):
    """An account as the accounts service has it. The amounts are minor units of `currency`."""

    account_id: str
    holder: Holder
    product: str
    currency: str
    credit_limit: int
    status: str
    reason_code: str | None
    opened_at: datetime


class AccountHistory(Account):
    """An account with its limits and statuses, newest first."""

    credit_limits: list[LimitChange]
    statuses: list[StatusChange]


class Payment(Body):
    """A payment as the payments service has it. The amount is in minor units of `currency`."""

    payment_id: str
    account_id: str
    amount: int
    currency: str
    bank_account: str
    state: str
    reason: str | None
    submitted_at: datetime
    changed_at: datetime


class AccountsPage(Page[Account]):
    """A page of accounts."""


class PaymentsPage(Page[Payment]):
    """A page of payments."""


class Delivery(Body):
    """An event that notifications could not deliver to a subscriber or, by e-mail, a cardholder."""

    delivery_id: int
    subscription_id: str | None
    topic: str
    account_id: str
    attempts: int
    last_error: str | None
    created_at: datetime


class DeliveriesPage(Page[Delivery]):
    """A page of deliveries, oldest first."""


def _if_opened(read: Callable[[], T]) -> T | None:
    try:
        return read()
    except ProblemError as error:
        if error.type != "account-not-found":
            raise
        return None


class Services:
    """Clients of all services. Threads may share them. Every call raises the errors of `Client`."""

    def __init__(
        self,
        common: CommonSettings,
        *,
        accounts_url: str,
        payments_url: str,
        notifications_url: str,
        key: str,
    ) -> None:
        def client(url: str, key: str) -> Client:
            return Client(
                url,
                key,
                timeout_s=_TIMEOUT_S,
                deadline_s=_DEADLINE_S,
                traceparent=traceparent,
            )

        self.platform = client(common.platform_url, common.required_platform_key)
        self._accounts = client(accounts_url, key)
        self._payments = client(payments_url, key)
        self._notifications = client(notifications_url, key)

    def find_balance(self, account_id: str) -> AccountBalance | None:
        """Return the balance of an account; None until the platform has opened the account."""
        return _if_opened(lambda: self.platform.read_balance(account_id))

    def find_controls(self, account_id: str) -> Controls | None:
        """Return the limits of a cardholder; None until the platform has opened the account."""
        return _if_opened(lambda: self.platform.read_controls(account_id))

    def open_account(self, body: dict[str, Any]) -> Account:
        """Open an account. A repeat returns the first response."""
        return self._accounts.send(Call("POST", ("accounts",), Account, body=body))

    def read_account(self, account_id: str) -> AccountHistory:
        """Return an account with its history."""
        return self._accounts.send(Call("GET", ("accounts", account_id), AccountHistory))

    def list_accounts(self, cursor: str | None) -> AccountsPage:
        """Return a page of all accounts, in the order of their ids."""
        query = {"limit": 50, "cursor": cursor}
        return self._accounts.send(Call("GET", ("accounts",), AccountsPage, query=query))

    def change_limit(self, account_id: str, body: dict[str, Any]) -> LimitChange:
        """Change the credit limit. A repeated `change_id` changes nothing."""
        path = ("accounts", account_id, "credit-limit")
        return self._accounts.send(Call("PUT", path, LimitChange, body=body))

    def change_status(self, account_id: str, body: dict[str, Any]) -> StatusChange:
        """Change the status. A repeated `change_id` changes nothing."""
        return self._accounts.send(
            Call("PUT", ("accounts", account_id, "status"), StatusChange, body=body)
        )

    def pay(self, body: dict[str, Any]) -> Payment:
        """Submit a payment. A repeat returns the first response."""
        return self._payments.send(Call("POST", ("payments",), Payment, body=body))

    def list_payments(
        self,
        *,
        account_id: str | None = None,
        state: str | None = None,
        cursor: str | None = None,
        limit: int = 30,
    ) -> PaymentsPage:
        """Return a page of payments, newest first, of one account or in one state."""
        query = {"account_id": account_id, "state": state, "cursor": cursor, "limit": limit}
        return self._payments.send(Call("GET", ("payments",), PaymentsPage, query=query))

    def act_on_payment(self, payment_id: str, action: str, reason: str) -> Payment:
        """Release, refuse or return a payment. A repeat with the same reason changes nothing."""
        path = ("payments", payment_id, action)
        return self._payments.send(Call("POST", path, Payment, body={"reason": reason}))

    def list_failed_deliveries(self, cursor: str | None) -> DeliveriesPage:
        """Return a page of the deliveries that failed, oldest first."""
        query = {"state": "failed", "cursor": cursor, "limit": 50}
        return self._notifications.send(Call("GET", ("deliveries",), DeliveriesPage, query=query))

    def retry_delivery(self, delivery_id: int) -> Delivery:
        """Try a delivery again at once. It gets as many attempts as a new one."""
        path = ("deliveries", str(delivery_id), "retry")
        return self._notifications.send(Call("POST", path, Delivery))

"""Changes made to an account by the accounts team and by operators."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, NamedTuple

from txplatform.domain.account import Account
from txplatform.domain.account_command import VersionedAdvice
from txplatform.domain.advices import CreditLimitChange, StatusChange
from txplatform.domain.currencies import format_money
from txplatform.domain.events.event import AccountEvent, AdviceEvent
from txplatform.domain.requests import ControlsChange, Opening, OperatorStatus
from txplatform.domain.rulesets import controls_of
from txplatform.domain.status import AccountStatus, FreezeReason


class VersionedEvents(NamedTuple):
    """The event classes of a versioned advice: one if it takes effect, one if it is stale."""

    effective: Callable[..., AdministrativeEvent]
    superseded: Callable[..., AdministrativeEvent]


class AccountOpened(AdviceEvent, frozen=True):
    """The account was opened and can be used."""

    TOPIC: ClassVar[str] = "account-opened"
    COMMAND: ClassVar[str] = "opening"
    opening: Opening

    @property
    def posted_change(self) -> int:
        return self.opening.opening_balance

    def summary(self, currency: str | None) -> str:
        opening = self.opening
        owed = opening.opening_balance
        balance = f", balance {format_money(owed, opening.currency)}" if owed else ""
        return f"opened with limit {format_money(opening.credit_limit, opening.currency)}{balance}"

    def apply(self, account: Account) -> None:
        account.currency = self.opening.currency
        account.credit_limit = self.opening.credit_limit
        account.posted += self.posted_change


class CreditLimitChanged(AdviceEvent, frozen=True):
    """A credit limit took effect."""

    TOPIC: ClassVar[str] = "credit-limit-changed"
    COMMAND: ClassVar[str] = "change"
    change: CreditLimitChange

    def summary(self, currency: str | None) -> str:
        limit = format_money(self.change.credit_limit, self.change.currency)
        return f"credit limit version {self.change.limit_version}: {limit}"

    def apply(self, account: Account) -> None:
        account.credit_limit = self.change.credit_limit
        account.limit_version = self.change.limit_version
        account.waiting.pop(self.key, None)


class CreditLimitChangeSuperseded(AdviceEvent, frozen=True):
    """A credit limit arrived after a newer version and had no effect."""

    TOPIC: ClassVar[str] = "credit-limit-change-superseded"
    COMMAND: ClassVar[str] = "change"
    change: CreditLimitChange

    def summary(self, currency: str | None) -> str:
        return f"credit limit version {self.change.limit_version} came late, no effect"


class AccountStatusChanged(AdviceEvent, frozen=True):
    """A status from the accounts team took effect. A closed account never reopens."""

    TOPIC: ClassVar[str] = "account-status-changed"
    COMMAND: ClassVar[str] = "change"
    change: StatusChange

    def summary(self, currency: str | None) -> str:
        change = self.change
        return f"status version {change.status_version}: {_status(change)}"

    def apply(self, account: Account) -> None:
        if account.team_status is not AccountStatus.CLOSED:
            account.team_status = self.change.status
            account.team_reason = FreezeReason.of(self.change.reason_code)
        account.status_version = max(account.status_version, self.change.status_version)


class AccountStatusSuperseded(AdviceEvent, frozen=True):
    """A status from the accounts team arrived after a newer version and had no effect."""

    TOPIC: ClassVar[str] = "account-status-superseded"
    COMMAND: ClassVar[str] = "change"
    change: StatusChange

    def summary(self, currency: str | None) -> str:
        change = self.change
        return f"status version {change.status_version}, {change.status}, came late, no effect"


class OperatorStatusSet(AccountEvent, frozen=True):
    """An operator froze, unfroze or closed the account."""

    TOPIC: ClassVar[str] = "operator-status-set"
    COMMAND: ClassVar[str] = "change"
    change: OperatorStatus

    def summary(self, currency: str | None) -> str:
        change = self.change
        return f"operator's status {change.status_id}: {_status(change)}"

    def apply(self, account: Account) -> None:
        account.operator_status = self.change.status
        account.operator_reason = self.change.reason_code


class ControlsChanged(AccountEvent, frozen=True):
    """The account's controls (its own rules) were replaced."""

    TOPIC: ClassVar[str] = "controls-changed"
    COMMAND: ClassVar[str] = "change"
    change: ControlsChange

    def summary(self, currency: str | None) -> str:
        change = self.change
        rules = ", ".join(rule["rule"] for rule in change.rules) or "none"
        return f"controls {change.controls_id}: {rules}{_in_brackets(change.reason)}"

    def apply(self, account: Account) -> None:
        account.controls = controls_of(self.change.rules)


VERSIONED: dict[type[VersionedAdvice], VersionedEvents] = {
    CreditLimitChange: VersionedEvents(CreditLimitChanged, CreditLimitChangeSuperseded),
    StatusChange: VersionedEvents(AccountStatusChanged, AccountStatusSuperseded),
}
"""The event classes for each versioned advice."""

AdministrativeEvent = (
    AccountOpened
    | CreditLimitChanged
    | CreditLimitChangeSuperseded
    | AccountStatusChanged
    | AccountStatusSuperseded
    | OperatorStatusSet
    | ControlsChanged
)


def _status(change: StatusChange | OperatorStatus) -> str:
    code = "" if change.reason_code is None else f", {change.reason_code}"
    return f"{change.status}{code}{_in_brackets(change.reason)}"


def _in_brackets(reason: str | None) -> str:
    return f" ({reason})" if reason else ""

"""Changes of an account by the accounts team and by operators."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, NamedTuple

from txplatform.domain.account import Account
from txplatform.domain.account_command import VersionedAdvice
from txplatform.domain.advices import LimitChange, StatusChange
from txplatform.domain.events.event import AccountEvent
from txplatform.domain.events.words import in_brackets
from txplatform.domain.requests import ControlsChange, Opening, OperatorStatus
from txplatform.domain.rulesets import controls_of
from txplatform.domain.status import AccountStatus


class VersionedEvents(NamedTuple):
    """The events of a version that takes effect, and of one that came too late."""

    effective: Callable[..., AdministrativeEvent]
    superseded: Callable[..., AdministrativeEvent]


class AccountOpened(AccountEvent, frozen=True):
    """The account may be used from now on."""

    TOPIC: ClassVar[str] = "account-opened"
    opening: Opening

    @property
    def command(self) -> Opening:
        return self.opening

    @property
    def summary(self) -> str:
        return f"opened in {self.opening.currency} with limit {self.opening.credit_limit}"

    def apply(self, account: Account) -> None:
        account.currency = self.opening.currency
        account.credit_limit = self.opening.credit_limit


class CreditLimitChanged(AccountEvent, frozen=True):
    """A newer credit limit is in force."""

    TOPIC: ClassVar[str] = "credit-limit-changed"
    change: LimitChange

    @property
    def command(self) -> LimitChange:
        return self.change

    @property
    def summary(self) -> str:
        return f"limit version {self.change.limit_version}: {self.change.credit_limit}"

    def apply(self, account: Account) -> None:
        account.credit_limit = self.change.credit_limit
        account.limit_version = self.change.limit_version
        account.waiting.pop(self.key, None)


class CreditLimitChangeSuperseded(AccountEvent, frozen=True):
    """A limit older than the one in force arrived: noted, without effect."""

    TOPIC: ClassVar[str] = "credit-limit-change-superseded"
    change: LimitChange

    @property
    def command(self) -> LimitChange:
        return self.change

    @property
    def summary(self) -> str:
        return f"limit version {self.change.limit_version} came late, no effect"


class AccountStatusChanged(AccountEvent, frozen=True):
    """The accounts team's newest status is in force; closed is terminal."""

    TOPIC: ClassVar[str] = "account-status-changed"
    change: StatusChange

    @property
    def command(self) -> StatusChange:
        return self.change

    @property
    def summary(self) -> str:
        change = self.change
        return (
            f"status version {change.status_version}: {change.status}{in_brackets(change.reason)}"
        )

    def apply(self, account: Account) -> None:
        if account.team_status is not AccountStatus.CLOSED:
            account.team_status = self.change.status
        account.status_version = max(account.status_version, self.change.status_version)


class AccountStatusSuperseded(AccountEvent, frozen=True):
    """A status older than the one in force arrived: noted, without effect."""

    TOPIC: ClassVar[str] = "account-status-superseded"
    change: StatusChange

    @property
    def command(self) -> StatusChange:
        return self.change

    @property
    def summary(self) -> str:
        change = self.change
        return f"status version {change.status_version}, {change.status}, came late, no effect"


class OperatorStatusSet(AccountEvent, frozen=True):
    """An operator froze, closed or released the account."""

    TOPIC: ClassVar[str] = "operator-status-set"
    change: OperatorStatus

    @property
    def command(self) -> OperatorStatus:
        return self.change

    @property
    def summary(self) -> str:
        change = self.change
        return f"operator's status {change.status_id}: {change.status}{in_brackets(change.reason)}"

    def apply(self, account: Account) -> None:
        account.operator_status = self.change.status


class ControlsChanged(AccountEvent, frozen=True):
    """The account has these rules of its own from now on."""

    TOPIC: ClassVar[str] = "controls-changed"
    change: ControlsChange

    @property
    def command(self) -> ControlsChange:
        return self.change

    @property
    def summary(self) -> str:
        change = self.change
        rules = ", ".join(rule["rule"] for rule in change.rules) or "none any more"
        return f"controls {change.controls_id}: {rules}{in_brackets(change.reason)}"

    def apply(self, account: Account) -> None:
        account.controls = controls_of(self.change.rules)


VERSIONED: dict[type[VersionedAdvice], VersionedEvents] = {
    LimitChange: VersionedEvents(CreditLimitChanged, CreditLimitChangeSuperseded),
    StatusChange: VersionedEvents(AccountStatusChanged, AccountStatusSuperseded),
}
"""The events of each advice of which the newest version wins."""

AdministrativeEvent = (
    AccountOpened
    | CreditLimitChanged
    | CreditLimitChangeSuperseded
    | AccountStatusChanged
    | AccountStatusSuperseded
    | OperatorStatusSet
    | ControlsChanged
)

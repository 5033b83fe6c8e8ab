"""What the accounts team and operators do to an account."""

from __future__ import annotations

from typing import ClassVar

from txplatform.domain.account import Account
from txplatform.domain.advices import LimitChange, StatusChange
from txplatform.domain.events.event import AccountEvent
from txplatform.domain.requests import ControlsChange, Opening, OperatorStatus
from txplatform.domain.rulesets import controls_of
from txplatform.domain.status import AccountStatus


class AccountOpened(AccountEvent, frozen=True):
    """The account may be used from now on."""

    TOPIC: ClassVar[str] = "account-opened"
    opening: Opening

    @property
    def command(self) -> Opening:
        return self.opening

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


class AccountStatusChanged(AccountEvent, frozen=True):
    """The accounts team's newest status is in force; closed is so for ever."""

    TOPIC: ClassVar[str] = "account-status-changed"
    change: StatusChange

    @property
    def command(self) -> StatusChange:
        return self.change

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


class OperatorStatusSet(AccountEvent, frozen=True):
    """An operator froze, closed or released the account."""

    TOPIC: ClassVar[str] = "operator-status-set"
    change: OperatorStatus

    @property
    def command(self) -> OperatorStatus:
        return self.change

    def apply(self, account: Account) -> None:
        account.operator_status = self.change.status


class ControlsChanged(AccountEvent, frozen=True):
    """The account has these rules of its own from now on."""

    TOPIC: ClassVar[str] = "controls-changed"
    change: ControlsChange

    @property
    def command(self) -> ControlsChange:
        return self.change

    def apply(self, account: Account) -> None:
        account.controls = controls_of(self.change.rules)

"""What the accounts team and operators do to an account."""

from __future__ import annotations

from typing import ClassVar

from txplatform.domain.account import Account
from txplatform.domain.events.event import AccountEvent
from txplatform.domain.events.keys import (
    controls_key,
    limit_change_key,
    opening_key,
    operator_status_key,
    status_change_key,
)
from txplatform.domain.rulesets import controls_of
from txplatform.domain.status import AccountStatus
from txplatform.domain.values import (
    ControlsChange,
    LimitChange,
    Opening,
    OperatorStatus,
    StatusChange,
)


class AccountOpened(AccountEvent):
    """The account may be used from now on."""

    TOPIC: ClassVar[str] = "account-opened"
    opening: Opening

    @property
    def key(self) -> str:
        return opening_key()

    def apply(self, account: Account) -> None:
        account.currency = self.opening.currency
        account.credit_limit = self.opening.credit_limit


class CreditLimitChanged(AccountEvent):
    """A newer credit limit is in force."""

    TOPIC: ClassVar[str] = "credit-limit-changed"
    change: LimitChange

    @property
    def key(self) -> str:
        return limit_change_key(self.change)

    def apply(self, account: Account) -> None:
        account.credit_limit = self.change.credit_limit
        account.limit_version = self.change.limit_version
        account.waiting.pop(self.key, None)


class CreditLimitChangeSuperseded(AccountEvent):
    """A limit older than the one in force arrived: noted, without effect."""

    TOPIC: ClassVar[str] = "credit-limit-change-superseded"
    change: LimitChange

    @property
    def key(self) -> str:
        return limit_change_key(self.change)


class AccountStatusChanged(AccountEvent):
    """The accounts team's newest status is in force; closed is so for ever."""

    TOPIC: ClassVar[str] = "account-status-changed"
    change: StatusChange

    @property
    def key(self) -> str:
        return status_change_key(self.change.status_version)

    def apply(self, account: Account) -> None:
        if account.team_status is not AccountStatus.CLOSED:
            account.team_status = self.change.status
        account.status_version = max(account.status_version, self.change.status_version)


class AccountStatusSuperseded(AccountEvent):
    """A status older than the one in force arrived: noted, without effect."""

    TOPIC: ClassVar[str] = "account-status-superseded"
    change: StatusChange

    @property
    def key(self) -> str:
        return status_change_key(self.change.status_version)


class OperatorStatusSet(AccountEvent):
    """An operator froze, closed or released the account."""

    TOPIC: ClassVar[str] = "operator-status-set"
    change: OperatorStatus

    @property
    def key(self) -> str:
        return operator_status_key(self.change.status_id)

    def apply(self, account: Account) -> None:
        account.operator_status = self.change.status


class ControlsChanged(AccountEvent):
    """The account has these rules of its own from now on."""

    TOPIC: ClassVar[str] = "controls-changed"
    change: ControlsChange

    @property
    def key(self) -> str:
        return controls_key(self.change.controls_id)

    def apply(self, account: Account) -> None:
        account.controls = controls_of(self.change.rules)

"""Refuses a purchase on an account that is frozen or closed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from txplatform.domain.reasons import Reason, ReasonCode
from txplatform.domain.rules.case import Case
from txplatform.domain.status import AccountStatus

_ACTIVE = AccountStatus.ACTIVE
_CODES = {
    AccountStatus.FROZEN: ReasonCode.ACCOUNT_FROZEN,
    AccountStatus.CLOSED: ReasonCode.ACCOUNT_CLOSED,
}


@dataclass(frozen=True, slots=True)
class UsableAccount:
    """Always on. Field 39 is 62, restricted card."""

    RULE: ClassVar[str] = "account_status"

    def observe(self, case: Case, /) -> AccountStatus:
        """Return the stricter of the operator's and the accounts team's status."""
        return case.account.status

    def refusal(self, case: Case, observed: AccountStatus, /) -> Reason | None:
        """Refuse new purchases unless the account is active; earlier ones still clear."""
        if observed is _ACTIVE:
            return None
        return Reason.of(
            _CODES[observed],
            f"Account {case.purchase.account_id} is {observed.value}.",
            observed=observed.value,
            limit=_ACTIVE.value,
        )

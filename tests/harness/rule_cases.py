"""Input for rules under test: an account, a purchase and a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from txplatform.domain.activity import Activity
from txplatform.domain.ids import AccountId, TransactionId
from txplatform.domain.requests import Merchant, Purchase
from txplatform.domain.rules import Case, ConfigurableRule, Judgement
from txplatform.domain.rulesets import NO_CONTROLS, Controls, RuleSet
from txplatform.domain.status import AccountStatus, FreezeReason

NOW = datetime(2026, 11, 20, 10, 15, 30, tzinfo=UTC)


@dataclass
class AccountSeen:
    """An account as rules see it; by default open and with a high credit limit."""

    currency: str | None = "GBP"
    credit_limit: int = 1_000_000
    posted: int = 0
    pending: int = 0
    status: AccountStatus = AccountStatus.ACTIVE
    freeze_reason: FreezeReason | None = None
    activity: Activity = field(default_factory=Activity)
    controls: Controls = NO_CONTROLS

    @property
    def opened(self) -> bool:
        """Whether the account is open."""
        return self.currency is not None

    @property
    def available(self) -> int:
        """The available credit, in minor units."""
        return self.credit_limit - self.posted - self.pending

    def bought(self, purchase: Purchase, ago: timedelta) -> AccountSeen:
        """Add a purchase that was approved this long before `NOW`, and return the account."""
        self.activity.add(NOW - ago, purchase)
        return self


def buying(
    amount: int = 1000,
    *,
    merchant: str | None = "m-1",
    category: str | None = "5942",
    country: str | None = "GBR",
    currency: str = "GBP",
) -> Purchase:
    """Return a purchase; by default at a bookshop in the home country."""
    return Purchase(
        TransactionId("tx-1"),
        AccountId("acc-1"),
        amount,
        currency,
        Merchant(merchant, "Corner Books", category, country),
    )


def judged(
    account: AccountSeen, purchase: Purchase, *rules: ConfigurableRule, already_posted: int = 0
) -> Judgement:
    """Judge a purchase by these rules and the rules that are always on."""
    return RuleSet("test", 1, rules=rules).judge(
        Case(account, purchase, NOW, already_posted), account.controls
    )


def codes(judgement: Judgement) -> list[str]:
    """Return the codes of the reasons, in order."""
    return [reason.code.value for reason in judgement.reasons]

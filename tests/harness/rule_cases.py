"""What rules are given in tests: an account as they see it, a purchase, a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from txplatform.domain.activity import Activity
from txplatform.domain.ids import AccountId, TransactionId
from txplatform.domain.requests import Merchant, Purchase
from txplatform.domain.rules import Case, ConfigurableRule, Judgement
from txplatform.domain.rulesets import NO_CONTROLS, Controls, RuleSet
from txplatform.domain.status import AccountStatus

NOW = datetime(2026, 11, 20, 10, 15, 30, tzinfo=UTC)


@dataclass
class AccountSeen:
    """An open account with much credit, unless said otherwise."""

    currency: str | None = "GBP"
    credit_limit: int = 1_000_000
    posted: int = 0
    pending: int = 0
    status: AccountStatus = AccountStatus.ACTIVE
    activity: Activity = field(default_factory=Activity)
    controls: Controls = NO_CONTROLS

    @property
    def opened(self) -> bool:
        """Whether it has a currency."""
        return self.currency is not None

    @property
    def available(self) -> int:
        """As the account has it."""
        return self.credit_limit - self.posted - self.pending

    def bought(self, purchase: Purchase, ago: timedelta) -> AccountSeen:
        """The account after a purchase was approved that long before now."""
        self.activity.add(NOW - ago, purchase)
        return self


def buying(
    amount: int = 1000,
    *,
    merchant: str = "m-1",
    category: str = "5942",
    country: str = "GBR",
    currency: str = "GBP",
) -> Purchase:
    """A purchase of a book at home, unless said otherwise."""
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
    """What these rules and those that are always on say."""
    return RuleSet("test", 1, rules=rules).judge(
        Case(account, purchase, NOW, already_posted), account.controls
    )


def codes(judgement: Judgement) -> list[str]:
    """The reasons' codes, in their order."""
    return [reason.code.value for reason in judgement.reasons]

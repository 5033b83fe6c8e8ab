"""The input of rules: one purchase on one account at one time."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from txplatform.domain.activity import Activity, minute_of
from txplatform.domain.requests import Purchase
from txplatform.domain.status import AccountStatus, FreezeReason


class JudgedAccount(Protocol):
    """The properties of `Account` that rules read."""

    @property
    def opened(self) -> bool: ...

    @property
    def currency(self) -> str | None: ...

    @property
    def credit_limit(self) -> int: ...

    @property
    def posted(self) -> int: ...

    @property
    def pending(self) -> int: ...

    @property
    def available(self) -> int: ...

    @property
    def status(self) -> AccountStatus: ...

    @property
    def freeze_reason(self) -> FreezeReason | None: ...

    @property
    def activity(self) -> Activity: ...


@dataclass(slots=True)  # not frozen: created for every decision, and freezing triples the cost
class Case:
    """A purchase on an account, to be evaluated by rules.

    Attributes:
        now: The time of the decision, UTC. The merchant's time is not used, because a false time
            could evade a velocity rule.
        already_posted: The amount posted before a late authorization, minor units.
        raised_from: The amount authorized before an increment less reversals; 0 for a purchase.
        minute: `now` in full minutes since 1970.
        spent: The purchase's amount; 0 for an account verification or a foreign currency.
    """

    account: JudgedAccount
    purchase: Purchase
    now: datetime
    already_posted: int = 0
    raised_from: int = 0
    minute: int = field(init=False)
    spent: int = field(init=False)

    def __post_init__(self) -> None:
        purchase = self.purchase
        comparable = purchase.currency == self.account.currency
        self.minute = minute_of(self.now)
        self.spent = purchase.amount if comparable else 0

    @property
    def total(self) -> int:
        """`raised_from + spent`; 0 if `spent` is 0."""
        return self.raised_from + self.spent if self.spent else 0

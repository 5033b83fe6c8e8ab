"""What a rule may look at: one purchase on one account at one time, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from txplatform.domain.activity import Activity, minute_of
from txplatform.domain.requests import Purchase
from txplatform.domain.status import AccountStatus


class JudgedAccount(Protocol):
    """The part of an account that rules read; `Account` has it."""

    @property
    def opened(self) -> bool:
        """Whether the accounts team has opened it."""

    @property
    def currency(self) -> str | None:
        """ISO 4217 code; None until it is opened."""

    @property
    def credit_limit(self) -> int:
        """Minor units."""

    @property
    def posted(self) -> int:
        """What is owed, minor units."""

    @property
    def pending(self) -> int:
        """What approved authorizations hold, minor units."""

    @property
    def available(self) -> int:
        """What can still be spent, minor units."""

    @property
    def status(self) -> AccountStatus:
        """The stricter of the operator's and the accounts team's."""

    @property
    def activity(self) -> Activity:
        """The purchases approved before this one."""


@dataclass(frozen=True, slots=True)
class Case:
    """A purchase to judge.

    Attributes:
        now: When it is decided; never the merchant's time, which could dodge a window.
        already_posted: What of this very transaction is posted already: its clearing came first.
        raised_from: What was authorized of it before, where this raises it; 0 for a purchase.
        minute: The minute of `now`, counted from 1970.
        spent: The amount, where it can be compared with the account's money and the rules'
            limits: 0 for an account verification, and where the currency is not the account's.
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
        object.__setattr__(self, "minute", minute_of(self.now))
        object.__setattr__(self, "spent", purchase.amount if comparable else 0)

    @property
    def total(self) -> int:
        """What the purchase comes to, that which is raised counted; 0 where `spent` is."""
        return self.raised_from + self.spent if self.spent else 0

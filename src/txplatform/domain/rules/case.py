"""The input of rules: one purchase on one account at one time."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from txplatform.domain.activity import Activity, minute_of
from txplatform.domain.requests import Purchase
from txplatform.domain.status import AccountStatus


class JudgedAccount(Protocol):
    """The part of `Account` that rules read."""

    @property
    def opened(self) -> bool:
        """True once the accounts team has opened the account."""

    @property
    def currency(self) -> str | None:
        """ISO 4217 code; None until the account is opened."""

    @property
    def credit_limit(self) -> int:
        """Minor units."""

    @property
    def posted(self) -> int:
        """The posted balance, minor units."""

    @property
    def pending(self) -> int:
        """The sum of all holds, minor units."""

    @property
    def available(self) -> int:
        """The available credit, minor units."""

    @property
    def status(self) -> AccountStatus:
        """The stricter of the operator's and the accounts team's status."""

    @property
    def activity(self) -> Activity:
        """The purchases approved before."""


@dataclass(frozen=True, slots=True)
class Case:
    """A purchase to judge.

    Attributes:
        now: The time of the decision, UTC. The merchant's time could dodge a window.
        already_posted: The amount of clearings that arrived before the authorization.
        raised_from: The amount authorized before an increment; 0 for a purchase.
        minute: The minutes from 1970 to `now`.
        spent: The amount; 0 for an account verification, and if the currency is not the account's,
            since such amounts cannot be compared.
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
        """The amount with the amount authorized before; 0 if `spent` is 0."""
        return self.raised_from + self.spent if self.spent else 0

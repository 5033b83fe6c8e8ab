"""The account: what its events add up to, and nothing that its events do not say.

An account's stream may begin with any event: a payment can arrive, and wait, before the
account is opened. So an account exists, at version 0, before its first event.

Its state is bounded by what is open or waiting and by the last 30 days, never by how long its
history is. That a business key was used before is known from the stream (`event_key`), not from
here; a transaction without a hold is folded again from its events when more of it comes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self, TypeVar

from eventsourcing.domain import BaseAggregate, CanMutateAggregate

from txplatform.domain.activity import Activity
from txplatform.domain.advices import WaitingMessage
from txplatform.domain.ids import AccountId, TransactionId, account_of, account_stream
from txplatform.domain.money import Balance
from txplatform.domain.rulesets import (
    DEFAULT_RULESET,
    NO_CONTROLS,
    Controls,
    RuleSet,
    RulesNotUnderstoodError,
)
from txplatform.domain.status import AccountStatus, stricter

E = TypeVar("E", bound=CanMutateAggregate[str])


@dataclass(frozen=True, slots=True)
class DecisionContext:
    """What a decision needs from outside the account: time, new identifiers, trace, rules.

    Attributes:
        now: When it is decided, UTC.
        new_event_id: Gives an identifier that was never given before.
        traceparent: W3C Trace Context of the request or message that causes the events.
        rules: The rule set in force at that time, or why it cannot be decided by.
    """

    now: datetime
    new_event_id: Callable[[], str]
    traceparent: str
    rules: RuleSet | RulesNotUnderstoodError = DEFAULT_RULESET

    @property
    def ruleset(self) -> RuleSet:
        """What to decide by; asked by the commands that need it only, so the others go on.

        Raises:
            RulesNotUnderstoodError: This version cannot decide by what is in force.
        """
        if isinstance(self.rules, RuleSet):
            return self.rules
        # The same error for many requests: it is not to remember the frames of all.
        raise self.rules.with_traceback(None)


Hold = tuple[int, "datetime | None"]
"""What is reserved, in minor units and above 0, and when it ends by itself; None for never.

A plain tuple, since accounts hold many: the garbage collector stops looking at one that leads
nowhere, while it would go through objects of a class of ours again and again.
"""


class Account(BaseAggregate[str]):
    """One card account.

    Attributes:
        account_id: The accounts team's identifier.
        currency: ISO 4217 code; None until the account is opened.
        credit_limit: Minor units.
        limit_version: The version of the limit in force; 0 is the one it was opened with.
        posted: What is owed, minor units.
        pending: The sum of all holds, minor units.
        holds: Of the transactions that have one.
        operator_status: As an operator set it.
        team_status: As the accounts team has it.
        status_version: The version of the latter; 0 before the first.
        activity: The purchases approved lately, which velocity rules look at.
        controls: The account's own rules.
        waiting: Messages that came before what they need, by business key.
    """

    def __init__(self, stream_id: str) -> None:
        self.__base_init__(stream_id, 0, None)  # type: ignore[arg-type]  # no event, so no time yet
        self.account_id: AccountId = account_of(stream_id)
        self.currency: str | None = None
        self.credit_limit = 0
        self.limit_version = 0
        self.posted = 0
        self.pending = 0
        self.holds: dict[TransactionId, Hold] = {}
        self.operator_status = AccountStatus.ACTIVE
        self.team_status = AccountStatus.ACTIVE
        self.status_version = 0
        self.activity = Activity()
        self.controls: Controls = NO_CONTROLS
        self.waiting: dict[str, WaitingMessage] = {}

    @classmethod
    def unopened(cls, account_id: AccountId) -> Self:
        """An account before its first event."""
        account = cls.__new__(cls)
        account.__init__(account_stream(account_id))  # type: ignore[misc]
        return account

    @property
    def opened(self) -> bool:
        """Whether the accounts team has opened it."""
        return self.currency is not None

    @property
    def status(self) -> AccountStatus:
        """The stricter of the operator's and the accounts team's."""
        return stricter(self.operator_status, self.team_status)

    @property
    def available(self) -> int:
        """Credit that can still be spent, minor units; negative when over the limit."""
        return self.credit_limit - self.posted - self.pending

    @property
    def balance(self) -> Balance:
        """The money at this version."""
        return self.balance_after()

    def balance_after(self, *, posted: int = 0, pending: int = 0) -> Balance:
        """The money once these are added, minor units."""
        posted, pending = self.posted + posted, self.pending + pending
        return Balance(self.credit_limit, posted, pending, self.credit_limit - posted - pending)

    def hold(self, transaction_id: TransactionId, amount: int, expires_at: datetime | None) -> None:
        """Reserve an amount for a transaction; 0 reserves nothing."""
        if amount:
            self.holds[transaction_id] = (amount, expires_at)
            self.pending += amount

    def held(self, transaction_id: TransactionId) -> int:
        """What is reserved for a transaction, minor units."""
        hold = self.holds.get(transaction_id)
        return 0 if hold is None else hold[0]

    def raise_hold(self, transaction_id: TransactionId, amount: int) -> None:
        """Reserve that much more for a transaction that has a hold."""
        held, expires_at = self.holds[transaction_id]
        self.holds[transaction_id] = (held + amount, expires_at)
        self.pending += amount

    def release(self, transaction_id: TransactionId, amount: int) -> None:
        """Reserve that much less; what has nothing left to reserve is forgotten."""
        if amount:
            held, expires_at = self.holds[transaction_id]
            self.pending -= amount
            if held > amount:
                self.holds[transaction_id] = (held - amount, expires_at)
            else:
                del self.holds[transaction_id]

    def record(self, event_class: type[E], context: DecisionContext, **facts: Any) -> E:
        """Append an event to this account and let it change the state."""
        self.trigger_event(
            event_class,
            timestamp=context.now,
            event_id=context.new_event_id(),
            traceparent=context.traceparent,
            **facts,
        )
        event: E = self.pending_events[-1]  # type: ignore[assignment]
        return event

"""The account: the sum of its events, and nothing else.

An account's stream may begin with any event: a payment can arrive, and wait, before the
account is opened. So an account exists, at version 0, before its first event.

Its state is bounded by open holds, waiting messages and the last 30 days, never by the length of
its history. Used business keys are known from the stream (`event_key`), not from here. A
transaction without a hold is folded again from its events when a later message of it arrives.
"""

from __future__ import annotations

from collections import UserDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, Self, TypeVar

import msgspec

from txplatform.domain.activity import Activity
from txplatform.domain.advices import WaitingMessage
from txplatform.domain.cause import CommandOrigin
from txplatform.domain.ids import AccountId, StreamId, TransactionId, account_of, account_stream
from txplatform.domain.money import Balance
from txplatform.domain.rulesets import (
    DEFAULT_RULESET,
    NO_CONTROLS,
    Controls,
    RuleSet,
    RulesNotUnderstoodError,
)
from txplatform.domain.status import AccountStatus, stricter


class RecordedEvent(Protocol):
    """An event, as far as an account knows it."""

    @property
    def key(self) -> str:
        """Its business key."""

    def mutate(self, aggregate: Account | None) -> Account:
        """Change the account."""


E = TypeVar("E", bound=RecordedEvent)


@dataclass(slots=True)  # not frozen: one a command, and a frozen one takes three times as long
class DecisionContext:
    """The inputs of a decision from outside the account: time, new identifiers, origin, rules.

    Attributes:
        now: When it is decided, UTC.
        new_event_id: Gives an identifier that was never given before.
        origin: The cause of the events, and its trace.
        rules: The rule set in force at that time, or why it cannot be decided by.
    """

    now: datetime
    new_event_id: Callable[[], str]
    origin: CommandOrigin
    rules: RuleSet | RulesNotUnderstoodError = DEFAULT_RULESET

    @property
    def ruleset(self) -> RuleSet:
        """The rule set in force. Only commands that need it read it, so the others go on.

        Raises:
            RulesNotUnderstoodError: This version does not understand the rule set in force.
        """
        if isinstance(self.rules, RuleSet):
            return self.rules
        # The same error for many requests: it is not to remember the frames of all.
        raise self.rules.with_traceback(None)


Hold = tuple[int, datetime | None]
"""A reserved amount in minor units, above 0, and the time it ends by itself; None for never.

A plain tuple, since accounts hold many: the garbage collector stops looking at one that leads
nowhere, while it would go through objects of a class of ours again and again.
"""


class WaitingMessages(UserDict[str, WaitingMessage]):
    """Messages that came before what they need, by business key."""


class Account(msgspec.Struct, dict=True, omit_defaults=True):
    """One card account.

    These fields are the only list of what an account keeps: snapshots, the cache and comparisons
    are made from it (`eventstore/snapshot.py`). A new field needs a value before the first event.

    Attributes:
        id: Its stream.
        version: The version of its last event; 0 before the first.
        currency: ISO 4217 code; None until the account is opened.
        credit_limit: Minor units.
        limit_version: The version of the limit in force; 0 is the one it was opened with.
        posted: The amount owed, minor units.
        pending: The sum of all holds, minor units.
        holds: By transaction, of those that have one.
        operator_status: As an operator set it.
        team_status: As the accounts team has it.
        status_version: The version of the latter; 0 before the first.
        activity: The purchases approved lately, which velocity rules look at.
        controls: The account's own rules.
        waiting: Messages that came before what they need.
    """

    id: StreamId
    version: int = 0
    currency: str | None = None
    credit_limit: int = 0
    limit_version: int = 0
    posted: int = 0
    pending: int = 0
    holds: dict[TransactionId, Hold] = msgspec.field(default_factory=dict)
    operator_status: AccountStatus = AccountStatus.ACTIVE
    team_status: AccountStatus = AccountStatus.ACTIVE
    status_version: int = 0
    activity: Activity = msgspec.field(default_factory=Activity)
    controls: Controls = NO_CONTROLS
    waiting: WaitingMessages = msgspec.field(default_factory=WaitingMessages)

    def __post_init__(self) -> None:
        self.pending_events: list[Any] = []

    @classmethod
    def unopened(cls, account_id: AccountId) -> Self:
        """Return an account before its first event."""
        return cls(account_stream(account_id))

    @property
    def account_id(self) -> AccountId:
        """The accounts team's identifier."""
        return account_of(self.id)

    @property
    def opened(self) -> bool:
        """True once the accounts team has opened it."""
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
        """Return the amount reserved for a transaction, minor units."""
        hold = self.holds.get(transaction_id)
        return 0 if hold is None else hold[0]

    def raise_hold(self, transaction_id: TransactionId, amount: int) -> None:
        """Reserve that much more for a transaction that has a hold."""
        held, expires_at = self.holds[transaction_id]
        self.holds[transaction_id] = (held + amount, expires_at)
        self.pending += amount

    def release(self, transaction_id: TransactionId, amount: int) -> None:
        """Reserve that much less; a hold with nothing left is dropped."""
        if amount:
            held, expires_at = self.holds[transaction_id]
            self.pending -= amount
            if held > amount:
                self.holds[transaction_id] = (held - amount, expires_at)
            else:
                del self.holds[transaction_id]

    def record(self, event_class: Callable[..., E], context: DecisionContext, **fields: Any) -> E:
        """Append an event to this account and let it change the state."""
        event = event_class(
            originator_id=self.id,
            originator_version=self.version + 1,
            timestamp=context.now,
            event_id=context.new_event_id(),
            traceparent=context.origin.traceparent,
            caused_by=context.origin.cause,
            **fields,
        )
        event.mutate(self)
        self.pending_events.append(event)
        return event

    def collect_events(self) -> list[Any]:
        """Hand over the events recorded since the last call."""
        events, self.pending_events = self.pending_events, []
        return events

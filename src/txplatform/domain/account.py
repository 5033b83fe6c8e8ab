"""The account: the sum of its events, and nothing else.

An account's stream may begin with any event, since a payment can arrive and wait before the account
is opened. So an account exists, at version 0, before its first event.

The size of its state depends on open holds, waiting messages and the last 30 days, never on the
length of its history. The stream (`event_key`) knows the used business keys. A transaction without
a hold is folded again from its events when a later message names it.
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
    """The method of events that an account calls; `events` imports this module."""

    def mutate(self, aggregate: Account | None) -> Account:
        """Apply the event to the account."""


E = TypeVar("E", bound=RecordedEvent)


@dataclass(slots=True)  # not frozen, which is faster: there is one per command
class DecisionContext:
    """The inputs of a decision from outside the account: time, new identifiers, origin, rules.

    Attributes:
        now: The time of the decision, UTC.
        new_event_id: Returns an identifier that is unique across all events.
        origin: The cause of the events, and its trace.
        rules: The rule set in force, or the error if this version does not understand it.
    """

    now: datetime
    new_event_id: Callable[[], str]
    origin: CommandOrigin
    rules: RuleSet | RulesNotUnderstoodError = DEFAULT_RULESET

    @property
    def ruleset(self) -> RuleSet:
        """The rule set in force. Commands that do not read it are decided without one.

        Raises:
            RulesNotUnderstoodError: This version does not understand the rule set in force.
        """
        if isinstance(self.rules, RuleSet):
            return self.rules
        # Many requests raise the same error, which must not collect the frames of all.
        raise self.rules.with_traceback(None)


Hold = tuple[int, datetime | None]
"""A reserved amount in minor units, above 0, and its expiry time, UTC; None for never.

A plain tuple, since accounts have many: the garbage collector stops tracking tuples of plain
values, but would visit instances of a class again and again.
"""


class WaitingMessages(UserDict[str, WaitingMessage]):
    """Messages that arrived before their prerequisite, by business key."""


class Account(msgspec.Struct, dict=True, omit_defaults=True):
    """One card account.

    These fields are the only list of an account's state: snapshots, the cache and comparisons are
    made from it (`eventstore/snapshot.py`). A new field needs a default.

    Attributes:
        version: The version of the last event; 0 before the first.
        currency: ISO 4217 code; None until the account is opened.
        credit_limit: Minor units.
        limit_version: The version of the limit in force; 0 for the opening's.
        posted: The owed amount, minor units.
        pending: The sum of all holds, minor units.
        operator_status: The status that an operator set.
        team_status: The status that the accounts team reported.
        status_version: The version of `team_status`; 0 before the first.
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
        """The stricter of the operator's and the accounts team's status."""
        return stricter(self.operator_status, self.team_status)

    @property
    def available(self) -> int:
        """The available credit, minor units; negative if the account is over its limit."""
        return self.credit_limit - self.posted - self.pending

    @property
    def balance(self) -> Balance:
        """The amounts at this version."""
        return self.balance_after()

    def balance_after(self, *, posted: int = 0, pending: int = 0) -> Balance:
        """Return the amounts after these changes, minor units."""
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
        """Raise a transaction's hold by an amount, minor units."""
        held, expires_at = self.holds[transaction_id]
        self.holds[transaction_id] = (held + amount, expires_at)
        self.pending += amount

    def release(self, transaction_id: TransactionId, amount: int) -> None:
        """Reduce a transaction's hold by an amount, minor units; an empty hold is dropped."""
        if amount:
            held, expires_at = self.holds[transaction_id]
            self.pending -= amount
            if held > amount:
                self.holds[transaction_id] = (held - amount, expires_at)
            else:
                del self.holds[transaction_id]

    def record(self, event_class: Callable[..., E], context: DecisionContext, **fields: Any) -> E:
        """Create the account's next event, apply it, and keep it for the append."""
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
        """Return the events recorded since the last call."""
        events, self.pending_events = self.pending_events, []
        return events

"""The account, whose state follows from its events alone.

The first event is not always the opening, because a payment can arrive earlier and wait. An account
is therefore never missing: without events, it is unopened and at version 0.

The state is small, even for an account with a long history. It has the open holds, the waiting
messages and the purchases of the last 30 days. Business keys that were already used are looked up
in the event store (`event_key`). A transaction without a hold is rebuilt from its events when a
later message names the transaction.
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
from txplatform.domain.status import AccountStatus, FreezeReason, more_important, stricter


class RecordedEvent(Protocol):
    """The interface of events; a protocol, because importing `events` would be circular."""

    def mutate(self, aggregate: Account | None) -> Account:
        """Apply the event to the account."""


E = TypeVar("E", bound=RecordedEvent)


@dataclass(slots=True)  # not frozen: created for every command, and frozen instances are slower
class DecisionContext:
    """The inputs of a decision that are not part of the account.

    Attributes:
        now: The time of the decision by the database's clock, UTC. If the account's last event is
            later, its time counts instead.
        new_event_id: A function that returns a new unique event id.
        origin: The cause and the trace to store in the events.
        rules: The rule set in force, or an error if this version does not understand the rule set.
    """

    now: datetime
    new_event_id: Callable[[], str]
    origin: CommandOrigin
    rules: RuleSet | RulesNotUnderstoodError = DEFAULT_RULESET

    @property
    def ruleset(self) -> RuleSet:
        """The rule set in force, needed only to decide purchases and increments.

        Raises:
            RulesNotUnderstoodError: This version does not understand the rule set in force.
        """
        if isinstance(self.rules, RuleSet):
            return self.rules
        # Many requests raise this one instance: its traceback must not grow with each of them.
        raise self.rules.with_traceback(None)


Hold = tuple[int, datetime | None]
"""The reserved amount in minor units (above 0) and the expiry time in UTC (None for never).

A plain tuple, because accounts have many holds: the garbage collector stops tracking tuples of
plain values, but it would visit the instances of a class in every collection.
"""


class WaitingMessages(UserDict[str, WaitingMessage]):
    """The account's waiting messages, by business key.

    A message waits for the account's opening. The return of a payment also waits for the payment,
    and a correction for the presentment that it takes back.
    """


class Account(msgspec.Struct, dict=True, omit_defaults=True):
    """One card account.

    The declared fields are the complete state; snapshots, the cache and comparisons use exactly
    these fields (`eventstore/snapshot.py`). A new field needs a default.

    Attributes:
        version: The version of the last event; 0 before the first event.
        last_event_at: The time of the last event, UTC; None before the first event. No later event
            has an earlier time.
        currency: ISO 4217 code; None until the account is opened.
        credit_limit: Minor units.
        limit_version: The version of the credit limit; 0 for the limit set at the opening.
        posted: The amount owed, minor units.
        pending: The sum of all holds, minor units.
        operator_status: The status set by an operator.
        operator_reason: The operator's reason code, which matters for a freeze only.
        team_status: The status reported by the accounts team.
        team_reason: The accounts team's reason code, which matters for a freeze only.
        status_version: The version of `team_status`; 0 before the first report.
    """

    id: StreamId
    version: int = 0
    last_event_at: datetime | None = None
    currency: str | None = None
    credit_limit: int = 0
    limit_version: int = 0
    posted: int = 0
    pending: int = 0
    holds: dict[TransactionId, Hold] = msgspec.field(default_factory=dict)
    operator_status: AccountStatus = AccountStatus.ACTIVE
    operator_reason: FreezeReason | None = None
    team_status: AccountStatus = AccountStatus.ACTIVE
    team_reason: FreezeReason | None = None
    status_version: int = 0
    activity: Activity = msgspec.field(default_factory=Activity)
    controls: Controls = NO_CONTROLS
    waiting: WaitingMessages = msgspec.field(default_factory=WaitingMessages)

    def __post_init__(self) -> None:
        self.pending_events: list[Any] = []

    @classmethod
    def unopened(cls, account_id: AccountId) -> Self:
        """Return an account that has no events yet."""
        return cls(account_stream(account_id))

    @property
    def account_id(self) -> AccountId:
        """The account's identifier, assigned by the accounts team."""
        return account_of(self.id)

    @property
    def opened(self) -> bool:
        """True once the accounts team has opened the account."""
        return self.currency is not None

    @property
    def status(self) -> AccountStatus:
        """The operator's status or the accounts team's status, whichever is stricter."""
        return stricter(self.operator_status, self.team_status)

    @property
    def freeze_reason(self) -> FreezeReason | None:
        """The reason of the freeze; of two freezes, the more important reason."""
        frozen = AccountStatus.FROZEN
        return more_important(
            self.operator_reason if self.operator_status is frozen else None,
            self.team_reason if self.team_status is frozen else None,
        )

    @property
    def available(self) -> int:
        """The available credit in minor units; negative if the account is over its limit."""
        return self.credit_limit - self.posted - self.pending

    @property
    def balance(self) -> Balance:
        """The balance at this version."""
        return self.balance_after()

    def balance_after(self, *, posted: int = 0, pending: int = 0) -> Balance:
        """Return the balance after adding these amounts, in minor units, to the current ones."""
        posted, pending = self.posted + posted, self.pending + pending
        return Balance(self.credit_limit, posted, pending, self.credit_limit - posted - pending)

    def hold(self, transaction_id: TransactionId, amount: int, expires_at: datetime | None) -> None:
        """Reserve an amount in minor units for a transaction; 0 reserves nothing."""
        if amount:
            self.holds[transaction_id] = (amount, expires_at)
            self.pending += amount

    def held(self, transaction_id: TransactionId) -> int:
        """Return the amount reserved for a transaction, in minor units."""
        hold = self.holds.get(transaction_id)
        return 0 if hold is None else hold[0]

    def is_due(self, transaction_id: TransactionId, now: datetime) -> bool:
        """Return whether a transaction has a hold that should have expired by now."""
        hold = self.holds.get(transaction_id)
        return hold is not None and hold[1] is not None and hold[1] <= now

    def raise_hold(
        self, transaction_id: TransactionId, amount: int, expires_at: datetime | None
    ) -> None:
        """Raise a transaction's hold by an amount in minor units, and set its expiry time."""
        self.holds[transaction_id] = (self.held(transaction_id) + amount, expires_at)
        self.pending += amount

    def release(self, transaction_id: TransactionId, amount: int) -> None:
        """Reduce a transaction's hold by an amount in minor units; delete the hold at 0."""
        if amount:
            held, expires_at = self.holds[transaction_id]
            self.pending -= amount
            if held > amount:
                self.holds[transaction_id] = (held - amount, expires_at)
            else:
                del self.holds[transaction_id]

    def record(self, event_class: Callable[..., E], context: DecisionContext, **fields: Any) -> E:
        """Create the account's next event, apply it, and add it to `pending_events`."""
        event = event_class(
            originator_id=self.id,
            originator_version=self.version + 1,
            timestamp=context.now,
            event_id=context.new_event_id(),
            traceparent=context.origin.traceparent,
            tracestate=context.origin.tracestate,
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

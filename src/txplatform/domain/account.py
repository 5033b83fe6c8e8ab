"""The account: what its events add up to, and nothing that its events do not say.

An account's stream may begin with any event: a payment can arrive, and wait, before the
account is opened. So an account exists, at version 0, before its first event.

Its state is bounded by what is open or waiting, never by how long its history is. That a
business key was used before is known from the stream (`event_key`), not from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeVar

from eventsourcing.domain import BaseAggregate

from txplatform.domain.ids import AccountId, account_of, account_stream
from txplatform.domain.money import Balance

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from txplatform.domain.events import AccountEvent, WaitingMessage

E = TypeVar("E", bound="AccountEvent")


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a decision needs from outside the domain: the time, new identifiers, the trace.

    Attributes:
        now: When it is decided, UTC.
        new_event_id: Gives an identifier that was never given before.
        traceparent: W3C Trace Context of the request or message that causes the events.
    """

    now: datetime
    new_event_id: Callable[[], str]
    traceparent: str


class Account(BaseAggregate[str]):
    """One card account.

    Attributes:
        account_id: The accounts team's identifier.
        currency: ISO 4217 code; None until the account is opened.
        credit_limit: Minor units.
        limit_version: The version of the limit in force; 0 is the one it was opened with.
        posted: What is owed, minor units.
        pending: What approved authorizations hold, minor units.
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
    def available(self) -> int:
        """Credit that can still be spent, minor units; negative when over the limit."""
        return self.credit_limit - self.posted - self.pending

    @property
    def balance(self) -> Balance:
        """The money at this version."""
        return Balance(self.credit_limit, self.posted, self.pending, self.available)

    def record(self, event_class: type[E], stamp: Stamp, **facts: Any) -> E:
        """Append an event to this account and let it change the state."""
        self.trigger_event(
            event_class,
            timestamp=stamp.now,
            event_id=stamp.new_event_id(),
            traceparent=stamp.traceparent,
            **facts,
        )
        event: E = self.pending_events[-1]  # type: ignore[assignment]
        return event

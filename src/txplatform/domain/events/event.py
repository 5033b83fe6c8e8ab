"""The part that all events of an account have."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

import msgspec
from eventsourcing.domain import OriginatorIDError, OriginatorVersionError

from txplatform.domain.account import Account
from txplatform.domain.account_command import AccountCommand
from txplatform.domain.cause import Cause
from txplatform.domain.ids import StreamId, TransactionId


class AccountEvent(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One thing that happened to one account.

    Attributes:
        originator_id: The account's stream.
        originator_version: The account's version after this event, from 1 without gaps (I7).
        timestamp: When it was decided, by the service's clock, UTC.
        event_id: Unique across all events.
        traceparent: W3C Trace Context of its cause.
        caused_by: The cause of the command that it follows from. An event that ends a message's
            wait follows from the command that ended it.
    """

    TOPIC: ClassVar[str]

    originator_id: str
    originator_version: int
    timestamp: datetime
    event_id: str
    traceparent: str
    caused_by: Cause

    @property
    def command(self) -> AccountCommand | None:
        """The command that this event answers; None for an event that follows from another."""
        return None

    @property
    def key(self) -> str:
        """`<kind>:<business id>`, unique within the account (I3)."""
        assert self.command is not None  # an event without a command has a key of its own
        return self.command.key

    @property
    def transaction_id(self) -> TransactionId | None:
        """The transaction under which the event is looked up.

        None for an event that is looked up by its key, as a transaction's authorization is.
        """
        return None

    @property
    def business_time(self) -> datetime | None:
        """The time that its command says it happened at, UTC; None if the command says none."""
        return None if self.command is None else self.command.business_time

    @property
    def summary(self) -> str:
        """The event in a few words, for people who read an account's history."""
        raise NotImplementedError

    def mutate(self, aggregate: Account | None) -> Account:
        """Apply this event; the first one of a stream creates the account.

        Raises:
            OriginatorIDError: The event is of another account.
            OriginatorVersionError: It is not the account's next event.
        """
        account = Account(StreamId(self.originator_id)) if aggregate is None else aggregate
        if self.originator_id != account.id:
            raise OriginatorIDError(self.originator_id, account.id)
        if self.originator_version != account.version + 1:
            raise OriginatorVersionError(self.originator_version, account.version + 1)
        self.apply(account)
        account.version = self.originator_version
        return account

    def apply(self, account: Account) -> None:
        """Change the account's state."""

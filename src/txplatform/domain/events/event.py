"""What every event of an account has."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

import msgspec
from eventsourcing.domain import OriginatorIDError, OriginatorVersionError

from txplatform.domain.account import Account
from txplatform.domain.account_command import AccountCommand
from txplatform.domain.ids import StreamId, TransactionId


class AccountEvent(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One thing that happened to one account.

    Attributes:
        originator_id: The account's stream.
        originator_version: The account's version after this event, from 1 without gaps (I7).
        timestamp: When it was decided, by the service's clock, UTC.
        event_id: Unique for ever.
        traceparent: W3C Trace Context of what caused it.
    """

    TOPIC: ClassVar[str]

    originator_id: str
    originator_version: int
    timestamp: datetime
    event_id: str
    traceparent: str

    @property
    def command(self) -> AccountCommand | None:
        """The command that this event answers; None for an event that follows from another."""
        return None

    @property
    def key(self) -> str:
        """`<kind>:<business id>`, unique within the account for ever (I3)."""
        assert self.command is not None  # an event without a command has a key of its own
        return self.command.key

    @property
    def transaction_id(self) -> TransactionId | None:
        """The transaction whose later life this is part of, by which it is found again.

        None for what is found by its key, as a transaction's authorization is.
        """
        return None

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

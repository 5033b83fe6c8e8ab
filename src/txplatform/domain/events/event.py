"""The fields and properties that all events of an account share."""

from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar

import msgspec
from eventsourcing.domain import OriginatorIDError, OriginatorVersionError

from txplatform.domain.account import Account
from txplatform.domain.account_command import AccountCommand
from txplatform.domain.cause import Cause
from txplatform.domain.flags import Flag
from txplatform.domain.ids import StreamId, TransactionId


class TracedEvent(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """An event with a trace of which the caller's tracing system keeps a state.

    Attributes:
        tracestate: The W3C `tracestate` of the cause; empty if it has none.
    """

    tracestate: str = ""


class AccountEvent(TracedEvent, frozen=True, gc=False, omit_defaults=True):
    """One event of one account.

    Attributes:
        TOPIC: The permanent name under which events of this class are stored.
        COMMAND: The name of the field that stores the command; empty if no command is stored.
        originator_id: The id of the account's stream.
        originator_version: The account's version after this event: 1, 2, 3, … (invariant I7).
        timestamp: The time of the decision, UTC, never before that of the previous event.
        traceparent: The W3C Trace Context of the cause.
        caused_by: The cause of the command. For a message that waited, the cause of the opening
            or payment that ended the wait.
    """

    TOPIC: ClassVar[str]
    COMMAND: ClassVar[str] = ""

    originator_id: str
    originator_version: int
    timestamp: datetime
    event_id: str
    traceparent: str
    caused_by: Cause

    @property
    def command(self) -> AccountCommand | None:
        """The command that led to this event; None if the event does not store a command."""
        command: AccountCommand | None = getattr(self, self.COMMAND) if self.COMMAND else None
        return command

    @property
    def key(self) -> str:
        """The business key, `<kind>:<business id>`, unique within the account (invariant I3)."""
        command = self.command
        assert command is not None  # events without a command override this property
        return command.key

    @property
    def transaction_id(self) -> TransactionId | None:
        """The event's transaction; None if it has none, or if its business key names it."""
        return None

    @property
    def indexed_under(self) -> str | None:
        """The value under which the log finds the event again; None if its key is enough."""
        return self.transaction_id

    @property
    def pending_change(self) -> int:
        """The change of the amount on hold, minor units. The read models copy it."""
        return 0

    @property
    def posted_change(self) -> int:
        """The change of the amount owed, minor units. Other than 0, it is a posting."""
        return 0

    @property
    def hold_expires_at(self) -> datetime | None:
        """The time when the event's hold expires, UTC; None if it sets no such time."""
        return None

    @property
    def business_time(self) -> datetime | None:
        """The time of the business event according to the sender, UTC. None if unknown."""
        return None if self.command is None else self.command.business_time

    def summary(self, currency: str | None) -> str:
        """Return a short description of the event in an account's history.

        Args:
            currency: The account's currency, for amounts that have none of their own.
        """
        raise NotImplementedError

    def mutate(self, aggregate: Account | None) -> Account:
        """Apply the event; the first event of a stream creates the account.

        Raises:
            OriginatorIDError: The event belongs to another account.
            OriginatorVersionError: The event is not the account's next event.
        """
        account = Account(StreamId(self.originator_id)) if aggregate is None else aggregate
        if self.originator_id != account.id:
            raise OriginatorIDError(self.originator_id, account.id)
        if self.originator_version != account.version + 1:
            raise OriginatorVersionError(self.originator_version, account.version + 1)
        self.apply(account)
        account.version = self.originator_version
        account.last_event_at = self.timestamp
        return account

    def apply(self, account: Account) -> None:
        """Change the account's state."""


class AdviceEvent(AccountEvent, frozen=True, kw_only=True):
    """One event of an advice.

    Attributes:
        flags: Unusual circumstances, and flaws of the description. They never prevent an effect.
    """

    flags: tuple[Flag, ...] = ()


def flagged(flags: Iterable[Flag]) -> str:
    """Return flags as the end of a summary; nothing if there are none."""
    written = ", ".join(flags)
    return f" [{written}]" if written else ""

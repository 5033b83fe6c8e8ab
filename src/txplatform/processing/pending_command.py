"""A command on its way to an outcome, and what has to be read before it can have one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from txplatform.domain.cause import CommandOrigin
from txplatform.domain.commands import Command
from txplatform.domain.commands.outcome import CommandRejectedError, Outcome
from txplatform.domain.ids import StreamId, TransactionId, account_stream
from txplatform.domain.keys import authorization_key, late_authorization_key
from txplatform.domain.rulesets import RulesNotUnderstoodError


@dataclass(eq=False, slots=True)
class PendingCommand:
    """A command on its way to an outcome.

    Attributes:
        look_up: Whether its account and its business keys are read first. Without that a
            rejection is not final: it appends nothing, so neither an old version of the account
            nor an earlier copy of the command would show as a conflict.
        transactions: The transactions whose events an attempt found missing.
        result: The outcome or the final rejection of the last attempt; None if it had none.
    """

    command: Command
    origin: CommandOrigin
    stream: StreamId
    look_up: bool = False
    transactions: frozenset[TransactionId] = frozenset()
    result: Outcome | CommandRejectedError | RulesNotUnderstoodError | None = None

    @classmethod
    def of(
        cls, command: Command, origin: CommandOrigin, *, look_up: bool = False
    ) -> PendingCommand:
        """A command that was not attempted yet."""
        return cls(command, origin, account_stream(command.account_id), look_up)


@dataclass(slots=True)
class ReadSet:
    """What is to be read before commands are executed, by stream.

    Attributes:
        streams: To be brought up to date.
        keys: Business keys to look up.
        transactions: Of which every event is to be looked up.
    """

    streams: set[str] = field(default_factory=set)
    keys: dict[str, set[str]] = field(default_factory=dict)
    transactions: dict[str, set[TransactionId]] = field(default_factory=dict)

    def look_up(self, stream: str, keys: Iterable[str]) -> None:
        """Add a stream, and the events that it holds under these keys."""
        self.streams.add(stream)
        self.keys.setdefault(stream, set()).update(keys)

    def look_up_transactions(self, stream: str, ids: Iterable[TransactionId]) -> None:
        """Add every event of these transactions."""
        for transaction_id in ids:
            self.transactions.setdefault(stream, set()).add(transaction_id)
            self.keys.setdefault(stream, set()).update(
                (authorization_key(transaction_id), late_authorization_key(transaction_id))
            )

"""A command on its way to its result."""

from dataclasses import dataclass, field

from txplatform.domain.cause import CommandOrigin
from txplatform.domain.commands import Command
from txplatform.domain.commands.outcome import CommandRejectedError, Outcome
from txplatform.domain.ids import StreamId, TransactionId, account_stream
from txplatform.domain.rulesets import RulesNotUnderstoodError


@dataclass(eq=False, slots=True)
class PendingCommand:
    """A command on its way to its result.

    Attributes:
        look_up: True if its account and its business keys are read before it is decided. Otherwise
            a rejection is not final: it appends nothing, so neither an outdated account nor an
            earlier copy of the command would show as a conflict.
        stream: The stream of the command's account.
        transactions: The transactions that earlier attempts needed and that were not read.
        result: The outcome or final rejection by the last attempt; None if it had none.
    """

    command: Command
    origin: CommandOrigin
    look_up: bool = False
    stream: StreamId = field(init=False)
    transactions: frozenset[TransactionId] = frozenset()
    result: Outcome | CommandRejectedError | RulesNotUnderstoodError | None = None

    def __post_init__(self) -> None:
        self.stream = account_stream(self.command.account_id)

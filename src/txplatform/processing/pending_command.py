"""A command and the progress of its decision."""

from dataclasses import dataclass, field

from txplatform.domain.cause import CommandOrigin
from txplatform.domain.commands import Command
from txplatform.domain.commands.outcome import CommandRejectedError, Outcome
from txplatform.domain.ids import StreamId, account_stream
from txplatform.domain.rulesets import RulesNotUnderstoodError


@dataclass(eq=False, slots=True)
class PendingCommand:
    """A command that is being decided, in one or more attempts.

    Attributes:
        look_up: True if the account and the command's business keys are read before the decision.
            Otherwise a rejection is not final: it appends nothing, so a stale account or an
            earlier copy of the command would go unnoticed.
        stream: The stream of the command's account.
        transactions: Transactions to read, because earlier attempts needed them.
        result: The outcome or final rejection; None until an attempt has reached either.
    """

    command: Command
    origin: CommandOrigin
    look_up: bool = False
    stream: StreamId = field(init=False)
    transactions: frozenset[str] = frozenset()
    result: Outcome | CommandRejectedError | RulesNotUnderstoodError | None = None

    def __post_init__(self) -> None:
        self.stream = account_stream(self.command.account_id)

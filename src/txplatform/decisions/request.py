"""A request that waits in a lane, and what it is answered with."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime

from txplatform.domain.commands import Command
from txplatform.domain.commands.outcome import Outcome, OutcomeStatus
from txplatform.domain.ids import AccountId, TransactionId
from txplatform.domain.money import Balance
from txplatform.domain.rulesets import Controls
from txplatform.domain.status import AccountStatus


@dataclass(frozen=True, slots=True)
class AccountView:
    """An account's money, read at one version that was the newest when it was read.

    Attributes:
        status: The stricter of the operator's and the accounts team's.
        currency: None, and every amount 0, where the account has not been opened.
        version: 0 where the account has no events.
        as_of: When it was read, UTC.
    """

    account_id: AccountId
    opened: bool
    status: AccountStatus
    currency: str | None
    balance: Balance
    controls: Controls
    version: int
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of a command, durably.

    Attributes:
        replayed: Whether an earlier request had caused it already.
    """

    outcome: Outcome
    replayed: bool


@dataclass(eq=False, slots=True)
class Request:
    """One request for one account.

    Attributes:
        stream: The account's stream.
        command: What is asked; None to read the account.
        answer: Receives a `Decided` or an `AccountView`, or the error.
        deadline: Loop time after which the request is no longer settled.
        submitted: When it was queued, `perf_counter` seconds.
        suspect: Whether an attempt clashed, so that the stream has to be read again.
        transactions: Whose events an attempt found missing.
        doubtful_event_ids: Events of attempts that may or may not have been committed.
        result: What this attempt came to; given as the answer once its commit is durable.
    """

    stream: str
    account_id: AccountId
    command: Command | None
    traceparent: str
    answer: asyncio.Future[Decided | AccountView]
    deadline: float
    submitted: float
    suspect: bool = False
    transactions: set[TransactionId] = field(default_factory=set)
    doubtful_event_ids: set[str] = field(default_factory=set)
    result: Outcome | AccountView | Exception | None = None

    def settle(self) -> None:
        """Answer with this attempt's result, which is durable now."""
        match self.result:
            case None:
                raise AssertionError("settled before it was decided")
            case Exception() as error:
                self.fail(error)
            case view_or_outcome if not self.answer.done():
                if self.command is None:
                    self.answer.set_result(view_or_outcome)  # type: ignore[arg-type]
                else:
                    self.answer.set_result(self._decided(view_or_outcome))  # type: ignore[arg-type]

    def doubt_result(self) -> None:
        """The attempt failed after its append may have been committed."""
        if isinstance(self.result, Outcome) and self.result.status is not OutcomeStatus.DUPLICATE:
            self.doubtful_event_ids.add(self.result.event.event_id)

    def fail(self, error: Exception) -> None:
        """Answer that it could not be done; a client that left is not told."""
        if not self.answer.done():
            self.answer.set_exception(error)

    def _decided(self, outcome: Outcome) -> Decided:
        replayed = (
            outcome.status is OutcomeStatus.DUPLICATE
            and outcome.event.event_id not in self.doubtful_event_ids
        )
        return Decided(outcome, replayed)

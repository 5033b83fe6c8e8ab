"""The requests that wait in a lane, and their responses."""

import asyncio
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar, assert_never

from typing_extensions import override

from txplatform.contracts.same_fields import from_same_fields
from txplatform.decisions.errors import OutcomeUnknownError, StoreUnavailableError
from txplatform.domain.account import DecisionContext
from txplatform.domain.commands.outcome import CommandRejectedError, Outcome, OutcomeStatus
from txplatform.domain.ids import AccountId, StreamId
from txplatform.domain.money import Balance
from txplatform.domain.rulesets import Controls, RuleSet, RulesNotUnderstoodError
from txplatform.domain.status import AccountStatus
from txplatform.processing.pending_command import PendingCommand
from txplatform.processing.unit_of_work import UnitOfWork
from txplatform.random_ids import random_id


@dataclass(frozen=True, slots=True)
class AccountView:
    """An account as of the time of the read.

    Attributes:
        status: The operator's status or the accounts team's status, whichever is stricter.
        currency: None if the account is not opened; all amounts are then 0.
        version: 0 if the account has no events.
        as_of: The time of the read, UTC.
    """

    account_id: AccountId
    opened: bool
    status: AccountStatus
    currency: str | None
    balance: Balance
    controls: Controls
    version: int
    as_of: datetime


@dataclass(slots=True)  # not frozen: created for every decision, and freezing triples the cost
class Decided:
    """The durable outcome of a command.

    Attributes:
        replayed: True if an earlier request caused the outcome.
    """

    outcome: Outcome
    replayed: bool


Response = TypeVar("Response")


@dataclass(eq=False, slots=True)
class LaneRequest(ABC, Generic[Response]):
    """A request for one account, with a future for the response.

    Each attempt calls `join` and `perform`, then `settle` after the commit. If the attempt fails,
    `reset` prepares the request for the next attempt.

    Attributes:
        response: Receives the response or the error; cancelled if the caller no longer waits.
        deadline: The event loop's time after which the request is not attempted again.
        doubtful_event_ids: The ids of events that failed attempts may have committed.
    """

    stream: StreamId
    response: asyncio.Future[Response]
    deadline: float
    doubtful_event_ids: frozenset[str] = field(default=frozenset(), init=False)

    @abstractmethod
    def join(self, work: UnitOfWork) -> None:
        """Tell the unit of work what to read for the next attempt."""

    @abstractmethod
    def perform(
        self, work: UnitOfWork, rules: RuleSet | RulesNotUnderstoodError, now: datetime
    ) -> bool:
        """Execute the request at time `now`; return False if more data has to be read first."""

    @abstractmethod
    def settle(self) -> None:
        """Respond with the result of the last attempt, which has been committed."""

    @abstractmethod
    def reset(self, *, in_doubt: bool) -> None:
        """Discard the last attempt's result, and have the next attempt read the event store first.

        Args:
            in_doubt: True if the last attempt failed but may have been committed.
        """

    def expire(self, cause: BaseException) -> None:
        """Respond with the error for a missed deadline; `cause` is the last attempt's error."""
        self.fail(
            OutcomeUnknownError() if self.doubtful_event_ids else StoreUnavailableError(cause)
        )

    def fail(self, error: BaseException) -> None:
        """Respond with an error."""
        if not self.response.done():
            self.response.set_exception(error)


@dataclass(eq=False, slots=True)
class AccountRequest(LaneRequest[AccountView]):
    """A request to read an account at its newest version."""

    account_id: AccountId
    view: AccountView | None = None

    @override
    def join(self, work: UnitOfWork) -> None:
        work.include_newest(self.stream)

    @override
    def perform(
        self, work: UnitOfWork, rules: RuleSet | RulesNotUnderstoodError, now: datetime
    ) -> bool:
        account = work.account(self.stream)
        self.view = from_same_fields(AccountView, account, as_of=now)
        return True

    @override
    def settle(self) -> None:
        if self.view is not None and not self.response.done():
            self.response.set_result(self.view)

    @override
    def reset(self, *, in_doubt: bool) -> None:
        self.view = None


@dataclass(eq=False, slots=True)
class CommandRequest(LaneRequest[Decided]):
    """A request to decide a command.

    Attributes:
        submitted: The time of queueing, in `perf_counter` seconds.
    """

    pending: PendingCommand
    submitted: float

    @override
    def join(self, work: UnitOfWork) -> None:
        work.include(self.pending)

    @override
    def perform(
        self, work: UnitOfWork, rules: RuleSet | RulesNotUnderstoodError, now: datetime
    ) -> bool:
        pending = self.pending
        context = DecisionContext(now, random_id, pending.origin, rules)
        return work.attempt(pending, context)

    @override
    def settle(self) -> None:
        match self.pending.result:
            case Outcome(status, event) as outcome:
                is_copy = status is OutcomeStatus.DUPLICATE
                replayed = is_copy and event.event_id not in self.doubtful_event_ids
                if not self.response.done():
                    self.response.set_result(Decided(outcome, replayed))
            case CommandRejectedError() | RulesNotUnderstoodError() as rejection:
                # Despite the rejection, an earlier attempt may have been committed.
                self.fail(OutcomeUnknownError() if self.doubtful_event_ids else rejection)
            case None:
                pass  # the attempt raised an exception; `fail` has responded
            case unknown:
                assert_never(unknown)

    @override
    def reset(self, *, in_doubt: bool) -> None:
        result = self.pending.result
        if in_doubt and isinstance(result, Outcome) and result.status != OutcomeStatus.DUPLICATE:
            self.doubtful_event_ids |= {result.event.event_id}
        self.pending.result = None
        self.pending.look_up = True

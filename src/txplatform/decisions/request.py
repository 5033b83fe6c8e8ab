"""The requests that wait in a lane, and their responses."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar, assert_never

from typing_extensions import override

from txplatform.contracts.same_fields import from_same_fields
from txplatform.decisions.errors import OutcomeUnknownError, StoreUnavailableError
from txplatform.domain.account import Account, DecisionContext
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
    """An account at the version that was the newest when it was read.

    Attributes:
        status: The stricter of the operator's and the accounts team's status.
        currency: None, and every amount 0, if the account is not open.
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


@dataclass(frozen=True, slots=True)
class Decided:
    """The durable outcome of a command.

    Attributes:
        replayed: True if an earlier request had caused it.
    """

    outcome: Outcome
    replayed: bool


Response = TypeVar("Response")


@dataclass(eq=False, slots=True)
class LaneRequest(ABC, Generic[Response]):
    """A request for one account; its caller waits for the response.

    Each attempt calls `join` and `perform`, then `settle` when the unit of work is committed.

    Attributes:
        response: Receives the response or the error; cancelled if the caller no longer waits.
        deadline: The loop time after which the request is no longer attempted.
    """

    stream: StreamId
    response: asyncio.Future[Response]
    deadline: float

    @abstractmethod
    def join(self, work: UnitOfWork) -> None:
        """Note in the unit of work what an attempt has to read."""

    @abstractmethod
    def perform(self, work: UnitOfWork, rules: RuleSet | RulesNotUnderstoodError) -> bool:
        """Execute the request; return False if more has to be read before it can be."""

    @abstractmethod
    def settle(self) -> None:
        """Respond with the attempt's result, which is durable."""

    @abstractmethod
    def attempt_again(self) -> None:
        """Drop the attempt's result; the next attempt reads first."""

    @abstractmethod
    def doubt(self) -> None:
        """Note that the connection was lost, so the attempt may or may not be committed."""

    @abstractmethod
    def expire(self, cause: BaseException) -> None:
        """Respond that the deadline has passed; the cause delayed the last attempt."""

    def fail(self, error: BaseException) -> None:
        """Respond with an error."""
        if not self.response.done():
            self.response.set_exception(error)


@dataclass(eq=False, slots=True)
class AccountRequest(LaneRequest[AccountView]):
    """A request for the account at its newest version."""

    account_id: AccountId
    view: AccountView | None = None

    @override
    def join(self, work: UnitOfWork) -> None:
        work.include_newest(self.stream)

    @override
    def perform(self, work: UnitOfWork, rules: RuleSet | RulesNotUnderstoodError) -> bool:
        account = work.accounts.get(self.stream) or Account.unopened(self.account_id)
        self.view = from_same_fields(AccountView, account, as_of=datetime.now(UTC))
        return True

    @override
    def settle(self) -> None:
        if self.view is not None and not self.response.done():
            self.response.set_result(self.view)

    @override
    def attempt_again(self) -> None:
        self.view = None

    @override
    def doubt(self) -> None:
        """Do nothing: a read commits nothing."""

    @override
    def expire(self, cause: BaseException) -> None:
        self.fail(StoreUnavailableError(cause))


@dataclass(eq=False, slots=True)
class CommandRequest(LaneRequest[Decided]):
    """A request to decide a command.

    Attributes:
        submitted: The time of queueing, in `perf_counter` seconds.
        doubtful_event_ids: The events of attempts that may or may not have been committed.
    """

    pending: PendingCommand
    submitted: float
    doubtful_event_ids: frozenset[str] = frozenset()

    @override
    def join(self, work: UnitOfWork) -> None:
        work.include(self.pending)

    @override
    def perform(self, work: UnitOfWork, rules: RuleSet | RulesNotUnderstoodError) -> bool:
        pending = self.pending
        context = DecisionContext(datetime.now(UTC), random_id, pending.origin, rules)
        return work.attempt(pending, context)

    @override
    def settle(self) -> None:
        match self.pending.result:
            case Outcome() as outcome:
                replayed = (
                    outcome.status is OutcomeStatus.DUPLICATE
                    and outcome.event.event_id not in self.doubtful_event_ids
                )
                if not self.response.done():
                    self.response.set_result(Decided(outcome, replayed))
            case CommandRejectedError() | RulesNotUnderstoodError() as rejection:
                # If an earlier attempt may have been committed, a rejection does not tell.
                self.fail(OutcomeUnknownError() if self.doubtful_event_ids else rejection)
            case None:
                pass  # the attempt failed, and the request with it
            case unknown:
                assert_never(unknown)

    @override
    def attempt_again(self) -> None:
        self.pending.result = None
        self.pending.look_up = True

    @override
    def doubt(self) -> None:
        result = self.pending.result
        if isinstance(result, Outcome) and result.status is not OutcomeStatus.DUPLICATE:
            self.doubtful_event_ids |= {result.event.event_id}

    @override
    def expire(self, cause: BaseException) -> None:
        self.fail(
            OutcomeUnknownError() if self.doubtful_event_ids else StoreUnavailableError(cause)
        )

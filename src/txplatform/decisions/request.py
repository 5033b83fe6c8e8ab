"""The requests that wait in a lane, and what they are responded with."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, Self, TypeVar, assert_never

from typing_extensions import override

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
    """An account's money, read at one version that was the newest when it was read.

    Attributes:
        status: The stricter of the operator's and the accounts team's.
        currency: None, and every amount 0, if the account has not been opened.
        version: 0 if the account has no events.
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

    @classmethod
    def of(cls, account: Account) -> Self:
        """View the account as it is now."""
        return cls(
            account_id=account.account_id,
            opened=account.opened,
            status=account.status,
            currency=account.currency,
            balance=account.balance,
            controls=account.controls,
            version=account.version,
            as_of=datetime.now(UTC),
        )


@dataclass(frozen=True, slots=True)
class Decided:
    """The outcome of a command, durably.

    Attributes:
        replayed: Whether an earlier request had caused it already.
    """

    outcome: Outcome
    replayed: bool


Response = TypeVar("Response")


@dataclass(eq=False, slots=True)
class Request(ABC, Generic[Response]):
    """One request for one account, and the caller who waits for its response.

    Each attempt is to `join` a unit of work, to `perform`, and once that is committed, to `settle`.

    Attributes:
        response: Receives the response, or the error. A caller who left cancels it.
        deadline: Loop time after which the request is attempted no more.
    """

    stream: StreamId
    response: asyncio.Future[Response]
    deadline: float

    @abstractmethod
    def join(self, work: UnitOfWork) -> None:
        """Note what has to be read for an attempt."""

    @abstractmethod
    def perform(self, work: UnitOfWork, rules: RuleSet | RulesNotUnderstoodError) -> bool:
        """Execute; return whether that is done, or more has to be read first."""

    @abstractmethod
    def settle(self) -> None:
        """Respond with what the attempt came to: it is durable now."""

    @abstractmethod
    def attempt_again(self) -> None:
        """Forget the attempt's result; the next attempt reads first."""

    @abstractmethod
    def doubt(self) -> None:
        """Note that the connection was lost: the attempt may have been committed or not."""

    @abstractmethod
    def expire(self, cause: BaseException) -> None:
        """Respond that the deadline has passed, and why it was not decided until then."""

    def fail(self, error: BaseException) -> None:
        """Respond with an error."""
        if not self.response.done():
            self.response.set_exception(error)


AnyRequest = Request[Any]


@dataclass(eq=False, slots=True)
class AccountRequest(Request[AccountView]):
    """Asks for the account as it is."""

    account_id: AccountId
    view: AccountView | None = None

    @override
    def join(self, work: UnitOfWork) -> None:
        work.include_newest(self.stream)

    @override
    def perform(self, work: UnitOfWork, rules: RuleSet | RulesNotUnderstoodError) -> bool:
        account = work.accounts.get(self.stream) or Account.unopened(self.account_id)
        self.view = AccountView.of(account)
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
        """Nothing is committed for a read."""

    @override
    def expire(self, cause: BaseException) -> None:
        self.fail(StoreUnavailableError(cause))


@dataclass(eq=False, slots=True)
class CommandRequest(Request[Decided]):
    """Asks for a command to be decided.

    Attributes:
        submitted: When it was queued, `perf_counter` seconds.
        doubtful_event_ids: Events of attempts that may or may not have been committed.
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
        return work.attempt(pending, context) is None

    @override
    def settle(self) -> None:
        match self.pending.result:
            case Outcome() as outcome:
                if not self.response.done():
                    self.response.set_result(Decided(outcome, self._is_replayed(outcome)))
            case CommandRejectedError() | RulesNotUnderstoodError() as rejection:
                # It does not settle what became of an attempt that may have been committed.
                self.fail(OutcomeUnknownError() if self.doubtful_event_ids else rejection)
            case None:
                pass  # the attempt failed, and so did the request
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

    def _is_replayed(self, outcome: Outcome) -> bool:
        return (
            outcome.status is OutcomeStatus.DUPLICATE
            and outcome.event.event_id not in self.doubtful_event_ids
        )

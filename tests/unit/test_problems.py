"""The HTTP problem for each internal error."""

from __future__ import annotations

import pytest

from txplatform.api.exception_handlers import problem_of
from txplatform.contracts.problems import ProblemType
from txplatform.decisions.errors import OutcomeUnknownError, QueueFullError, StoreUnavailableError
from txplatform.domain.commands.outcome import CommandRejectedError, RefusalReason
from txplatform.domain.rulesets import RulesNotUnderstoodError
from txplatform.errors import TxPlatformError
from txplatform.rulebook.store import ChangeRefusal, RefusedChangeError

REFUSED_COMMANDS = {
    RefusalReason.CONFLICTING_COPY: ProblemType.ID_REUSED,
    RefusalReason.TRANSACTION_ID_REUSED: ProblemType.ID_REUSED,
    RefusalReason.CURRENCY_MISMATCH: ProblemType.CURRENCY_MISMATCH,
    RefusalReason.BALANCE_OUT_OF_RANGE: ProblemType.BALANCE_OUT_OF_RANGE,
    RefusalReason.ACCOUNT_CLOSED: ProblemType.ACCOUNT_CLOSED,
    RefusalReason.WRONG_DIRECTION: ProblemType.WRONG_DIRECTION,
    # HTTP requests are never refused for these reasons, so one of them indicates a defect.
    RefusalReason.RETURN_DIFFERS_FROM_PAYMENT: ProblemType.INTERNAL,
    RefusalReason.NO_OPEN_HOLD: ProblemType.INTERNAL,
    RefusalReason.HOLD_NOT_DUE: ProblemType.INTERNAL,
    RefusalReason.OTHER_ACCOUNT: ProblemType.INTERNAL,
}
REFUSED_CHANGES = {
    ChangeRefusal.ID_REUSED: ProblemType.ID_REUSED,
    ChangeRefusal.RULESET_NOT_FOUND: ProblemType.RULESET_NOT_FOUND,
    ChangeRefusal.RULESET_IN_FORCE: ProblemType.RULESET_IN_FORCE,
    ChangeRefusal.SHADOWING_NOT_FOUND: ProblemType.SHADOWING_NOT_FOUND,
}


class _SlowStoreError(StoreUnavailableError):
    """A subclass of a temporary fault."""


@pytest.mark.parametrize("reason", RefusalReason)
def test_every_reason_to_refuse_a_command_has_its_problem(reason: RefusalReason) -> None:
    problem = problem_of(CommandRejectedError(reason, "It is refused.", "Do not."))
    assert problem.type is REFUSED_COMMANDS[reason]
    assert ("It is refused." in problem.what) == (problem.type is not ProblemType.INTERNAL)


@pytest.mark.parametrize("reason", ChangeRefusal)
def test_every_reason_to_refuse_a_rulebook_change_has_its_problem(
    reason: ChangeRefusal,
) -> None:
    problem = problem_of(RefusedChangeError(reason, "It is refused.", "Do not."))
    assert (problem.type, problem.what) == (REFUSED_CHANGES[reason], "It is refused.")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (QueueFullError(), ProblemType.OVERLOADED),
        (OutcomeUnknownError(), ProblemType.OUTCOME_UNKNOWN),
        (StoreUnavailableError(TimeoutError()), ProblemType.STORE_UNAVAILABLE),
        (_SlowStoreError(TimeoutError()), ProblemType.STORE_UNAVAILABLE),
        (RulesNotUnderstoodError("No."), ProblemType.STORE_UNAVAILABLE),
    ],
)
def test_a_temporary_fault_says_when_to_retry_even_as_a_subclass(
    error: TxPlatformError, expected: ProblemType
) -> None:
    problem = problem_of(error)
    assert problem.type is expected
    assert problem.headers["Retry-After"] == "1"


def test_an_unexpected_error_is_an_internal_problem_without_details() -> None:
    problem = problem_of(RuntimeError("secret"))
    assert problem.type is ProblemType.INTERNAL
    assert "secret" not in str(problem)

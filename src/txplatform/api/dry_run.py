"""`POST /v1/process-transaction?dry_run=true`: decided on what is stored, and not recorded.

It does not go through the lanes: nothing of it can be kept by mistake.
"""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import parse_qsl

import psycopg

from txplatform.api.problems import ProblemError
from txplatform.contracts.decision import (
    DecisionResponse,
    DryRunResponse,
    decision_response,
    dry_run_response,
)
from txplatform.contracts.problems import ProblemType
from txplatform.domain.account import DecisionContext
from txplatform.domain.cause import CommandOrigin, PartCause
from txplatform.domain.commands.outcome import Outcome, OutcomeStatus
from txplatform.domain.events import AuthorizationApproved, AuthorizationDeclined
from txplatform.domain.requests import Purchase
from txplatform.processing.execution import execute_in_order
from txplatform.processing.pending_command import PendingCommand
from txplatform.processing.unit_of_work import UnitOfWork
from txplatform.rulebook.store import rules_in_force

_ORIGIN = CommandOrigin(PartCause("dry run"), "")
_PARAMETER = "dry_run"
_WORDS = {"true": True, "false": False}


def asks_for_dry_run(query: bytes) -> bool:
    """What the query string says; a misspelt `dry_run` must not become a purchase.

    Raises:
        ProblemError: It says something else than `dry_run=true` or `dry_run=false`.
    """
    said = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    match said:
        case []:
            return False
        case [(name, word)] if name == _PARAMETER and word in _WORDS:
            return _WORDS[word]
    raise ProblemError(
        ProblemType.VALIDATION,
        "The query has something else than dry_run=true or dry_run=false; nothing was recorded.",
        "Send ?dry_run=true to try, or no query to decide.",
        errors=[{"pointer": f"/{_PARAMETER}", "message": "is not true or false, or not alone"}],
    )


def decide_without_recording(
    connection: psycopg.Connection, purchase: Purchase
) -> DecisionResponse | DryRunResponse:
    """What would be decided now; of an id that was used, what was decided.

    Raises:
        CommandRejectedError: The transaction id was used for another purchase.
        RulesNotUnderstoodError: This version cannot decide by what is in force.
    """
    command = PendingCommand.of(purchase, _ORIGIN, look_up=True)
    context = DecisionContext(datetime.now(UTC), str, _ORIGIN, rules_in_force(connection))
    execute_in_order(connection, UnitOfWork(), [command], lambda _: context)
    outcome = command.result
    if not isinstance(outcome, Outcome):
        assert outcome is not None
        raise outcome
    event = outcome.event
    assert isinstance(event, AuthorizationApproved | AuthorizationDeclined)
    if outcome.status is OutcomeStatus.DUPLICATE:
        return decision_response(event)
    return dry_run_response(event)

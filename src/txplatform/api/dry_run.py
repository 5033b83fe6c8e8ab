"""`POST /v1/process-transaction?dry_run=true`: decide a purchase without recording it.

A dry run loads its own copy of the account, so it cannot alter the cached account.
"""

from urllib.parse import parse_qsl

import psycopg

from txplatform.api.validation_problems import validation_problem
from txplatform.contracts.decision import (
    DecisionResponse,
    DryRunResponse,
    decision_response,
    dry_run_response,
)
from txplatform.contracts.field_problems import InvalidField
from txplatform.database_clock import database_time
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


def asks_for_dry_run(query: bytes) -> bool:
    """Return True if the query string asks for a dry run.

    Raises:
        ProblemError: The query string contains anything except `dry_run=true` or `dry_run=false`. A
            misspelt `dry_run` must not record a purchase.
    """
    parameters = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    match parameters:
        case [("dry_run", "true")]:
            return True
        case [("dry_run", "false")] | []:
            return False
    unknown = [name for name, _ in parameters if name != "dry_run"]
    raise validation_problem(
        [InvalidField((name,), "is not a parameter of this call") for name in unknown]
        or [InvalidField(("dry_run",), "must be true or false, and given once")]
    )


def decide_without_recording(
    connection: psycopg.Connection, purchase: Purchase
) -> DecisionResponse | DryRunResponse:
    """Decide a purchase, or return the recorded decision if the purchase was decided before.

    Raises:
        CommandRejectedError: The transaction id was already used for another purchase.
        RulesNotUnderstoodError: This version does not understand the rule set in force.
    """
    command = PendingCommand(purchase, _ORIGIN, look_up=True)
    context = DecisionContext(database_time(connection), str, _ORIGIN, rules_in_force(connection))
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

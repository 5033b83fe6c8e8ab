"""`POST /v1/process-transaction?dry_run=true`: decided on what is stored, and not recorded.

It does not go through the lanes: nothing of it can be kept by mistake.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from txplatform.api.problems import VALIDATION, ProblemError
from txplatform.contracts.decision import (
    DecisionAnswer,
    DryRunAnswer,
    decision_answer,
    dry_run_answer,
)
from txplatform.domain.account import Stamp
from txplatform.domain.commands.authorize import Authorize
from txplatform.domain.commands.outcome import Status
from txplatform.domain.commands.stored import TransactionNotReadError
from txplatform.domain.events import AuthorizationApproved, AuthorizationDeclined
from txplatform.domain.ids import account_stream
from txplatform.eventstore.batch import BatchStore, Wanted, Workspace
from txplatform.rulebook.store import rules_in_force

if TYPE_CHECKING:
    import psycopg

    from txplatform.domain.purchase import Purchase

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
        VALIDATION,
        "The query has something else than dry_run=true or dry_run=false; nothing was recorded.",
        "Send ?dry_run=true to try, or no query to decide.",
        errors=[{"pointer": f"/{_PARAMETER}", "message": "is not true or false, or not alone"}],
    )


def decide_without_recording(
    connection: psycopg.Connection, purchase: Purchase
) -> DecisionAnswer | DryRunAnswer:
    """What would be decided now; of an id that was used, what was decided.

    Raises:
        CommandRejectedError: The transaction id was used for another purchase.
        RulesNotUnderstoodError: This version cannot decide by what is in force.
    """
    command, stream = Authorize(purchase), account_stream(purchase.account_id)
    store, workspace, wanted = BatchStore(connection), Workspace(), Wanted()
    wanted.look_up(stream, command.keys)
    store.read(workspace, wanted)
    stamp = Stamp(datetime.now(UTC), str, "", rules_in_force(connection))
    try:
        outcome = workspace.decide(stream, command, stamp)
    except TransactionNotReadError as missing:
        for transaction_id in missing.transaction_ids:
            wanted.look_up_transaction(stream, transaction_id)
        store.read(workspace, wanted)
        outcome = workspace.decide(stream, command, stamp)
    event = outcome.event
    assert isinstance(event, AuthorizationApproved | AuthorizationDeclined)
    if outcome.status is Status.DUPLICATE:
        return decision_answer(event)
    return dry_run_answer(event)

"""What the endpoints share that record something on an account: they ask, and they answer.

The decision and the opening of an account are older and differ a little; these are alike.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from txplatform.api.problems import (
    BALANCE_OUT_OF_RANGE,
    BODY_TOO_LARGE,
    CURRENCY_MISMATCH,
    ID_REUSED,
    NOT_JSON,
    OUTCOME_UNKNOWN,
    OVERLOADED,
    UNSUPPORTED_MEDIA_TYPE,
    Kind,
    documented,
    documented_header,
)
from txplatform.contracts.encoding import to_json
from txplatform.decisions.request import Decided
from txplatform.domain.account import Stamp
from txplatform.domain.commands.outcome import CommandRejectedError, Status
from txplatform.domain.commands.stored import TransactionNotReadError
from txplatform.domain.ids import account_stream
from txplatform.eventstore.batch import BatchStore, Wanted, Workspace

if TYPE_CHECKING:
    import psycopg

    from txplatform.api.services import Services
    from txplatform.domain.commands.outcome import Command

MONEY_PROBLEMS = (CURRENCY_MISMATCH, BALANCE_OUT_OF_RANGE)
"""Why what moves money may be refused."""


CONFLICTING_COPY = "conflicting_copy"


def documented_recording(*kinds: Kind) -> dict[int | str, dict[str, Any]]:
    """OpenAPI entries of what such an operation answers with, beside its own problems."""
    return {
        200: {
            "headers": documented_header(
                "Idempotency-Replayed", "`true` where an earlier request had caused it already."
            )
        },
        **documented(
            NOT_JSON,
            ID_REUSED,
            BODY_TOO_LARGE,
            UNSUPPORTED_MEDIA_TYPE,
            OVERLOADED,
            OUTCOME_UNKNOWN,
            *kinds,
        ),
    }


def recorded_answer(answer: object, decided: Decided) -> Response:
    """The answer that was made of the recorded event."""
    headers = {"Idempotency-Replayed": "true"} if decided.replayed else {}
    return Response(to_json(answer), 200, headers, "application/json")


async def ask(services: Services, command: Command, traceparent: str) -> Decided:
    """What this command comes to, durably.

    A decision looks for an earlier copy when its append clashes. What is refused appends nothing,
    so whether it was answered before is looked up here before anyone is told.

    Raises:
        CommandRejectedError: It contradicts what is recorded.
    """
    try:
        return await services.decider.submit(command, traceparent=traceparent)
    except CommandRejectedError as refusal:
        if refusal.reason == CONFLICTING_COPY:
            raise  # it was looked up
        first = await services.queries.run(partial(_answered_before, command=command))
        if first is None:
            raise refusal from None
        return first


def _answered_before(connection: psycopg.Connection, command: Command) -> Decided | None:
    """What an earlier copy came to, if there was one.

    Raises:
        CommandRejectedError: There was one, with other contents.
    """
    stream = account_stream(command.account_id)
    workspace, wanted = Workspace(), Wanted(keys={stream: set(command.keys)})
    BatchStore(connection).read(workspace, wanted)
    # What was answered is told by the stored event alone: the account itself need not be read.
    try:
        outcome = workspace.decide(stream, command, Stamp(datetime.now(UTC), str, ""))
    except TransactionNotReadError:
        return None  # it would be decided now, which an earlier copy is not
    return Decided(outcome, replayed=True) if outcome.status is Status.DUPLICATE else None

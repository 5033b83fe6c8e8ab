"""What the endpoints share that record something on an account: their documentation, their answer.

The decision and the opening of an account are older and differ a little; these are alike.
"""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from txplatform.api.problems import (
    ACCOUNT_NOT_FOUND,
    BALANCE_OUT_OF_RANGE,
    BODY_TOO_LARGE,
    CURRENCY_MISMATCH,
    ID_REUSED,
    NOT_JSON,
    OUTCOME_UNKNOWN,
    OVERLOADED,
    UNSUPPORTED_MEDIA_TYPE,
    Kind,
    ProblemError,
    documented,
    documented_header,
)
from txplatform.contracts.encoding import to_json
from txplatform.decisions.request import AccountView, Decided

MONEY_PROBLEMS = (CURRENCY_MISMATCH, BALANCE_OUT_OF_RANGE)
"""Why what moves money may be refused."""


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


def require_opened(view: AccountView) -> None:
    """Let pass only what is read of an account that there is.

    Raises:
        ProblemError: It has not been opened.
    """
    if not view.opened:
        raise ProblemError(
            ACCOUNT_NOT_FOUND,
            f"Account {view.account_id} has not been opened.",
            "Open it with POST /v1/accounts, or wait for the accounts team's event.",
        )


def recorded_answer(answer: object, decided: Decided) -> Response:
    """The answer that was made of the recorded event."""
    headers = {"Idempotency-Replayed": "true"} if decided.replayed else {}
    return Response(to_json(answer), 200, headers, "application/json")

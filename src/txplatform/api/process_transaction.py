"""`POST /v1/process-transaction`, as a thin ASGI application of its own.

Why it differs from the other endpoints: FastAPI's handling of one request costs more than
deciding it. Same models, authentication, errors and OpenAPI entry; only the way of the bytes
is shorter.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

import orjson
from fastapi import Query
from fastapi.routing import APIRoute
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from txplatform.api.authentication import Authenticator
from txplatform.api.body import ClientLeftError, read_body, require_json
from txplatform.api.dependencies import requires
from txplatform.api.dry_run import asks_for_dry_run, decide_without_recording
from txplatform.api.problems import (
    BODY_TOO_LARGE,
    ID_REUSED,
    METHOD_NOT_ALLOWED,
    NOT_JSON,
    OUTCOME_UNKNOWN,
    OVERLOADED,
    UNSUPPORTED_MEDIA_TYPE,
    ProblemError,
    documented,
    problem_answer,
    problem_of,
)
from txplatform.api.queries import Queries
from txplatform.api_keys import Scope
from txplatform.contracts.decision import DecisionResponse, DryRunResponse, decision_response
from txplatform.contracts.process_transaction import (
    ProcessTransactionRequest,
    parse_process_transaction,
)
from txplatform.decisions.decider import Decider
from txplatform.domain.events import AuthorizationApproved, AuthorizationDeclined
from txplatform.telemetry import accept_traceparent, correlation_id, logger

PATH = "/v1/process-transaction"
_SCOPE = Scope.TRANSACTIONS_WRITE

_Response = tuple[int, list[tuple[bytes, bytes]], bytes]
"""Status, headers and body."""


class ProcessTransaction:
    """Answers requests for a decision."""

    def __init__(
        self,
        decider: Decider,
        authenticator: Authenticator,
        queries: Queries,
        *,
        most_body_bytes: int,
    ) -> None:
        self._decider = decider
        self._queries = queries
        self._authenticator = authenticator
        self._most_body_bytes = most_body_bytes
        self._log = logger("api")

    async def __call__(  # noqa: C901  # short steps in a row, none worth a call on the hot path
        self, scope: AsgiScope, receive: Receive, send: Send
    ) -> None:
        """One request."""
        traceparent = content_type = authorization = None
        for name, value in scope["headers"]:
            if name == b"authorization":
                authorization = value
            elif name == b"content-type":
                content_type = value
            elif name == b"traceparent":
                traceparent = value
        trace = accept_traceparent(traceparent.decode("latin-1") if traceparent else None)
        try:
            if scope["method"] != "POST":
                raise ProblemError(  # noqa: TRY301  # as what is called below does
                    METHOD_NOT_ALLOWED,
                    f"{PATH} takes POST only.",
                    "Send a POST request.",
                    headers={"Allow": "POST"},
                )
            if (
                authorization is None
                or self._authenticator.remembered(authorization, _SCOPE) is None
            ):
                await self._authenticator.authenticate(authorization, _SCOPE)
            if content_type is not None and content_type != b"application/json":
                require_json(content_type.decode("latin-1"))
            body = await read_body(receive, self._most_body_bytes)
            if scope["query_string"] and asks_for_dry_run(scope["query_string"]):
                status, headers, answer = await self._try(body, trace)
            else:
                status, headers, answer = await self._decide(body, trace)
        except ClientLeftError:
            return
        except Exception as error:  # noqa: BLE001  # every request is answered, whatever happens
            problem = problem_of(error)
            if problem.kind.status == 500:  # noqa: PLR2004  # HTTP's number
                self._log.exception("request failed", correlation_id=correlation_id(trace))
            status, headers, answer = problem_answer(problem, correlation_id(trace))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    async def _decide(self, body: bytes, traceparent: str) -> _Response:
        purchase = parse_process_transaction(body)
        decided = await self._decider.submit(purchase, traceparent=traceparent)
        event = decided.outcome.event
        assert isinstance(event, AuthorizationApproved | AuthorizationDeclined)
        return _answer(decision_response(event), traceparent, replayed=decided.replayed)

    async def _try(self, body: bytes, traceparent: str) -> _Response:
        purchase = parse_process_transaction(body)
        answer = await self._queries.run(partial(decide_without_recording, purchase=purchase))
        return _answer(answer, traceparent, replayed=isinstance(answer, DecisionResponse))


def _answer(
    answer: DecisionResponse | DryRunResponse, traceparent: str, *, replayed: bool
) -> _Response:
    body = orjson.dumps(answer)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"x-correlation-id", correlation_id(traceparent).encode()),
    ]
    if replayed:
        headers.append((b"idempotency-replayed", b"true"))
    return 200, headers, body


def documentation() -> APIRoute:
    """The route as OpenAPI describes it; requests go to `ProcessTransaction` instead."""

    async def process_transaction(
        request: ProcessTransactionRequest, *, dry_run: bool = False
    ) -> DecisionResponse | DryRunResponse:
        """Decide a purchase, durably, and answer with the balance after it.

        A decline is not an error: it is 200 with `"decision": "declined"` and every reason.
        The same `transaction_id` with the same fields gets the same answer again, with the
        header `Idempotency-Replayed: true`. With `?dry_run=true` it is decided on the account as it
        is now and nothing is recorded; an id that was used gets its stored answer.
        """
        raise NotImplementedError

    process_transaction.__annotations__ = {
        "request": ProcessTransactionRequest,
        "dry_run": Annotated[bool, Query(description="Decide, and record nothing.")],
        "return": DecisionResponse | DryRunResponse,
    }
    return APIRoute(
        PATH,
        process_transaction,
        methods=["POST"],
        tags=["transactions"],
        dependencies=[requires(_SCOPE)],
        responses=documented(
            NOT_JSON,
            ID_REUSED,
            BODY_TOO_LARGE,
            UNSUPPORTED_MEDIA_TYPE,
            OVERLOADED,
            OUTCOME_UNKNOWN,
        ),
    )

"""`POST /v1/process-transaction`, as an ASGI application without FastAPI.

FastAPI's request handling takes longer than the decision itself. The code for models,
authentication, errors and the OpenAPI entry is shared with the other endpoints.
"""

from functools import partial
from typing import Annotated

import orjson
from fastapi import APIRouter, Query
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from txplatform.api import examples
from txplatform.api.authentication import Authenticator
from txplatform.api.body import ClientLeftError, read_body, require_json
from txplatform.api.dependencies import requires
from txplatform.api.dry_run import asks_for_dry_run, decide_without_recording
from txplatform.api.exception_handlers import problem_of
from txplatform.api.openapi_entries import REPLAYED, documented_command
from txplatform.api.problems import ProblemError, problem_response
from txplatform.api.queries import Queries
from txplatform.api_keys import Scope
from txplatform.contracts.decision import (
    DecisionResponse,
    DryRunResponse,
    decision_response,
    dry_run_response,
)
from txplatform.contracts.problems import ProblemType
from txplatform.contracts.process_transaction import (
    ProcessTransactionRequest,
    parse_process_transaction,
)
from txplatform.decisions.decider import Decider
from txplatform.domain.cause import CommandOrigin
from txplatform.domain.events import AuthorizationApproved, AuthorizationDeclined
from txplatform.telemetry import accept_traceparent, correlation_id, logger

router = APIRouter(tags=["transactions"])

EXAMPLES = (decision_response(examples.APPROVED), dry_run_response(examples.APPROVED))

PATH = "/v1/process-transaction"
_SCOPE = Scope.TRANSACTIONS_WRITE

_Written = tuple[int, list[tuple[bytes, bytes]], bytes]
"""Status, headers and body."""


class ProcessTransaction:
    """The ASGI application for purchases."""

    def __init__(
        self,
        decider: Decider,
        authenticator: Authenticator,
        queries: Queries,
        *,
        max_body_bytes: int,
    ) -> None:
        self._decider = decider
        self._queries = queries
        self._authenticator = authenticator
        self._max_body_bytes = max_body_bytes
        self._log = logger("api")

    async def __call__(  # noqa: C901  # short steps in a row; calls would slow the hot path
        self, scope: AsgiScope, receive: Receive, send: Send
    ) -> None:
        """Handle one request."""
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
                raise ProblemError(  # noqa: TRY301  # handled below, like errors from the calls
                    ProblemType.METHOD_NOT_ALLOWED,
                    f"{PATH} supports only POST.",
                    "Send a POST request.",
                    headers={"Allow": "POST"},
                )
            key = self._authenticator.cached_key(authorization, _SCOPE)
            if key is None:
                key = await self._authenticator.authenticate(authorization, _SCOPE)
            if content_type is not None and content_type != b"application/json":
                require_json(content_type.decode("latin-1"))
            body = await read_body(receive, self._max_body_bytes)
            if scope["query_string"] and asks_for_dry_run(scope["query_string"]):
                status, headers, response = await self._try(body, trace)
            else:
                origin = CommandOrigin(key.cause, trace)
                status, headers, response = await self.respond(body, origin)
        except ClientLeftError:
            return
        except Exception as error:  # noqa: BLE001  # every request gets a response
            problem = problem_of(error)
            if problem.type is ProblemType.INTERNAL:
                self._log.exception("request failed", correlation_id=correlation_id(trace))
            status, headers, response = problem_response(problem, correlation_id(trace))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": response})

    async def respond(self, body: bytes, origin: CommandOrigin) -> _Written:
        """Decide the purchase in a request body, and return the response."""
        purchase = parse_process_transaction(body)
        decided = await self._decider.submit(purchase, origin=origin)
        event = decided.outcome.event
        assert isinstance(event, AuthorizationApproved | AuthorizationDeclined)
        return _written(decision_response(event), origin.traceparent, replayed=decided.replayed)

    async def _try(self, body: bytes, traceparent: str) -> _Written:
        purchase = parse_process_transaction(body)
        response = await self._queries.run(partial(decide_without_recording, purchase=purchase))
        return _written(response, traceparent, replayed=not isinstance(response, DryRunResponse))


def _written(response: DecisionResponse, traceparent: str, *, replayed: bool) -> _Written:
    body = orjson.dumps(response)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"x-correlation-id", correlation_id(traceparent).encode()),
    ]
    if replayed:
        headers.append((b"idempotency-replayed", b"true"))
    return 200, headers, body


@router.post(
    PATH,
    operation_id="process_transaction_v1_process_transaction_post",  # published; do not change
    response_model=DecisionResponse | DryRunResponse,
    dependencies=[requires(_SCOPE)],
    responses={200: {"headers": REPLAYED}, **documented_command()},
)
async def process_transaction(
    request: ProcessTransactionRequest,
    *,
    dry_run: Annotated[bool, Query(description="Decide without recording anything.")] = False,
) -> None:
    """Authorize a purchase, record the decision, and return it with the balance.

    A decline is not an error: the response is 200 with `"decision": "declined"` and all reasons. A
    request with the same `transaction_id` and fields as an earlier request gets the same response,
    with the header `Idempotency-Replayed: true`. With `?dry_run=true`, the purchase is decided, but
    nothing is recorded; if the purchase was decided before, the recorded response is returned.
    """
    raise NotImplementedError  # only describes the operation; `ProcessTransaction` handles requests

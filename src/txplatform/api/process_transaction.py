"""`POST /v1/process-transaction`, as an ASGI application without FastAPI.

FastAPI's request handling takes longer than the decision itself. The code for models,
authentication, errors and the OpenAPI entry is shared with the other endpoints. Plain requests even
bypass ASGI (`direct_purchase.py`); the others come here.
"""

import asyncio
from collections.abc import Iterable
from functools import partial
from typing import Annotated, NamedTuple

import msgspec
from fastapi import APIRouter, Query
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from txplatform.api import examples
from txplatform.api.authentication import Authenticator, require_account, require_scope
from txplatform.api.body import ClientLeftError, read_body, require_json
from txplatform.api.dependencies import requires
from txplatform.api.dry_run import asks_for_dry_run, decide_without_recording
from txplatform.api.exception_handlers import reported_problem, send_problem
from txplatform.api.idempotency_key import check_idempotency_key
from txplatform.api.openapi_entries import REPLAYED, documented_command
from txplatform.api.problems import NO_STORE, ProblemError, WrittenResponse
from txplatform.api.queries import Queries
from txplatform.api_keys import ApiKey, Scope
from txplatform.contracts.decision import (
    DecisionResponse,
    DryRunResponse,
    ProcessTransactionResponse,
    decision_response,
    dry_run_response,
)
from txplatform.contracts.problems import ProblemType
from txplatform.contracts.process_transaction import (
    ProcessTransactionRequest,
    parse_process_transaction,
)
from txplatform.contracts.trace_context import TraceContext
from txplatform.decisions.decider import Decider
from txplatform.decisions.request import Decided
from txplatform.domain.cause import CommandOrigin
from txplatform.domain.events import AuthorizationApproved, AuthorizationDeclined
from txplatform.telemetry import correlation_id

router = APIRouter(tags=["transactions"])

EXAMPLES = (decision_response(examples.APPROVED), dry_run_response(examples.APPROVED))

PATH = "/v1/process-transaction"
ADMITTED = "admitted"
"""The state of a request that was counted already: its API key."""
_SCOPE = Scope.TRANSACTIONS_WRITE

_encode = msgspec.json.Encoder().encode

_JSON = (b"application/json", None)
"""The values of Content-Type that need no closer look."""


class ProcessTransaction:
    """The ASGI application for purchases.

    Attributes:
        max_body_bytes: The largest allowed size of a request body.
    """

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
        self.max_body_bytes = max_body_bytes

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        headers = purchase_headers(scope["headers"])
        state = scope["state"]
        trace = state["traceparent"]
        try:
            if scope["method"] != "POST":
                raise ProblemError(  # noqa: TRY301  # handled below, like errors from the calls
                    ProblemType.METHOD_NOT_ALLOWED,
                    f"{PATH} supports only POST.",
                    "Send a POST request.",
                    headers={"Allow": "POST"},
                )
            key = state.get(ADMITTED) or await self._authenticator.admit(headers.authorization)
            state["key_id"] = key.id
            require_scope(key, _SCOPE)
            if headers.content_type not in _JSON or headers.content_encoding is not None:
                require_json(
                    (headers.content_type or b"").decode("latin-1"), headers.content_encoding
                )
            body = await read_body(receive, self.max_body_bytes)
            if scope["query_string"] and asks_for_dry_run(scope["query_string"]):
                written = await self._try(body, key, trace)
            else:
                purchase = parse_process_transaction(body)
                require_account(key, purchase.account_id)
                check_idempotency_key(
                    headers.idempotency_key, purchase.transaction_id, "transaction_id"
                )
                origin = CommandOrigin(key.cause, trace, state["tracestate"])
                decided = await self._decider.submit(purchase, origin=origin)
                written = decision_written(decided, trace)
        except ClientLeftError:
            return
        except Exception as error:  # noqa: BLE001  # every request gets a response
            await send_problem(reported_problem(error, trace), scope, send)
            return
        status, response_headers, response = written
        await send({"type": "http.response.start", "status": status, "headers": response_headers})
        await send({"type": "http.response.body", "body": response})

    def admit_cached(self, credentials: bytes) -> ApiKey | None:
        """Return a key that may send purchases if it is cached, else None.

        `credentials` is the `header_digest` of the Authorization header.
        """
        return self._authenticator.admit_cached(credentials, _SCOPE)

    def submit(self, body: bytes, key: ApiKey, trace: TraceContext) -> asyncio.Future[Decided]:
        """Queue the purchase in a request body, and return a future for its durable decision.

        Raises:
            ProblemError: The key is limited to other accounts.
            NotJsonError: The body is not JSON, or a key is repeated.
            InvalidFieldsError: The body is JSON, but not a valid purchase.
            QueueFullError: Too many requests are waiting.
        """
        purchase = parse_process_transaction(body)
        require_account(key, purchase.account_id)
        return self._decider.submit(purchase, origin=CommandOrigin(key.cause, *trace))

    async def _try(self, body: bytes, key: ApiKey, traceparent: str) -> WrittenResponse:
        purchase = parse_process_transaction(body)
        require_account(key, purchase.account_id)
        response = await self._queries.run(partial(decide_without_recording, purchase=purchase))
        return _written(response, traceparent, replayed=not isinstance(response, DryRunResponse))


class PurchaseHeaders(NamedTuple):
    """The request headers that matter for a purchase."""

    authorization: bytes | None
    content_type: bytes | None
    has_trace: bool
    idempotency_key: str | None
    content_encoding: str | None

    @property
    def is_plain(self) -> bool:
        """True if neither the kind of the body nor an `Idempotency-Key` needs a closer look."""
        return (
            self.content_type in _JSON
            and self.idempotency_key is None
            and self.content_encoding is None
        )


def purchase_headers(headers: Iterable[tuple[bytes, bytes]]) -> PurchaseHeaders:
    """Return the headers that matter for a purchase from raw ASGI headers."""
    content_type = authorization = idempotency_key = content_encoding = None
    has_trace = False
    for name, value in headers:
        if name == b"authorization":
            authorization = value
        elif name == b"content-type":
            content_type = value
        elif name == b"traceparent":
            has_trace = True
        elif name == b"idempotency-key":
            idempotency_key = value.decode("latin-1")
        elif name == b"content-encoding":
            content_encoding = value.decode("latin-1")
    return PurchaseHeaders(
        authorization, content_type, has_trace, idempotency_key, content_encoding
    )


def decision_written(decided: Decided, traceparent: str) -> WrittenResponse:
    """Return the response for a recorded decision."""
    event = decided.outcome.event
    assert isinstance(event, AuthorizationApproved | AuthorizationDeclined)
    return _written(decision_response(event), traceparent, replayed=decided.replayed)


def _written(
    response: DecisionResponse | DryRunResponse, traceparent: str, *, replayed: bool
) -> WrittenResponse:
    body = _encode(response)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"x-correlation-id", correlation_id(traceparent).encode()),
        NO_STORE,
    ]
    if replayed:
        headers.append((b"idempotency-replayed", b"true"))
    return 200, headers, body


@router.post(
    PATH,
    response_model=ProcessTransactionResponse,
    dependencies=[requires(_SCOPE, checks_accounts=True)],
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

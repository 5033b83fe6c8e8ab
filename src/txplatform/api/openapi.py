"""The API's description of itself, as OpenAPI."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter

from txplatform.api.dependencies import SECURITY_SCHEME
from txplatform.api.examples import answer_examples
from txplatform.api.openapi_descriptions import describe_fields
from txplatform.api.problems import ProblemDetails, documented_header
from txplatform.api.process_transaction import PATH, documentation
from txplatform.contracts.account_status import StatusRequest
from txplatform.contracts.accounts import OpenAccountRequest
from txplatform.contracts.clearing import ClearingRequest
from txplatform.contracts.clearing_batch import ClearingBatchRequest
from txplatform.contracts.controls import ControlsRequest
from txplatform.contracts.increment import IncrementRequest
from txplatform.contracts.refund import RefundRequest
from txplatform.contracts.reversal import ReversalRequest
from txplatform.contracts.ruleset_requests import ActivationRequest, ShadowingRequest

_BODIES = (
    OpenAccountRequest,
    StatusRequest,
    ControlsRequest,
    IncrementRequest,
    ClearingRequest,
    ReversalRequest,
    RefundRequest,
    ClearingBatchRequest,
    ActivationRequest,
    ShadowingRequest,
)
"""What `json_body` reads."""

_FASTAPIS_WORDS = "Successful Response"
_CORRELATION = documented_header(
    "X-Correlation-Id", "The trace id, under which the service's log lines can be found."
)
_REPLAYED = documented_header(
    "Idempotency-Replayed", "`true` where an earlier request had caused it already."
)


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document."""
    document: dict[str, Any] = get_openapi(
        title="txplatform",
        version=version("txplatform"),
        summary="Decides card purchases, tells balances, shows every event.",
        description=(
            "Money is an integer in the currency's minor unit. Errors are RFC 9457 problem "
            "details; branch on `type`. Ids are idempotency keys: retry with the same one."
        ),
        routes=[documentation(), *app.routes],
    )
    schemas = document["components"]["schemas"]
    # Named by hand-made entries of operations, so FastAPI does not know of them.
    _, extra = TypeAdapter.json_schemas(
        [
            *((body.__name__, "validation", TypeAdapter(body)) for body in _BODIES),
            ("problem", "serialization", TypeAdapter(ProblemDetails)),
        ],
        ref_template="#/components/schemas/{model}",
    )
    schemas.update(extra["$defs"])
    for name, example in answer_examples().items():
        schemas[name]["examples"] = [example]
    describe_fields(document)
    for path, _, operation in _operations(document):
        for requirement in operation.get("security", ()):
            (scope,) = requirement[SECURITY_SCHEME]
            operation["description"] += f"\n\nThe API key needs the scope `{scope}`."
        operation["responses"] = dict(sorted(operation["responses"].items()))
        for answer in operation["responses"].values():
            answer["headers"] = {**_CORRELATION, **answer.get("headers", {})}
            if answer["description"] == _FASTAPIS_WORDS:
                answer["description"] = _what_it_is(document, answer)
        if path == PATH:
            operation["responses"]["200"]["headers"].update(_REPLAYED)
    return document


def _what_it_is(document: Mapping[str, Any], answer: Mapping[str, Any]) -> str:
    """The first sentences of its schema's description; of several schemas the first one's."""
    schema = answer["content"]["application/json"]["schema"]
    name = schema.get("anyOf", [schema])[0]["$ref"].rpartition("/")[2]
    description: str = document["components"]["schemas"][name]["description"]
    return " ".join(description.partition("\n\n")[0].split())


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            yield path, method, operation

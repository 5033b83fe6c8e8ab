"""The API's description of itself: OpenAPI, and a page made from it that needs no other host."""

from __future__ import annotations

from html import escape
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import orjson
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter
from starlette.responses import HTMLResponse

from txplatform.api.dependencies import SECURITY_SCHEME
from txplatform.api.examples import answer_examples
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

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fastapi import FastAPI

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

_CORRELATION = documented_header(
    "X-Correlation-Id", "The trace id, under which the service's log lines can be found."
)
_REPLAYED = documented_header(
    "Idempotency-Replayed", "`true` where an earlier request had caused it already."
)
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
code, pre { background: #f3f3f3 } code { padding: .1em .3em } pre { padding: 1em; overflow: auto }
summary { cursor: pointer; padding: .4em 0 } b { display: inline-block; width: 4em }
"""


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document."""
    document = get_openapi(
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
    for path, _, operation in _operations(document):
        for requirement in operation.get("security", ()):
            (scope,) = requirement[SECURITY_SCHEME]
            operation["description"] += f"\n\nThe API key needs the scope `{scope}`."
        for answer in operation["responses"].values():
            answer["headers"] = {**_CORRELATION, **answer.get("headers", {})}
        if path == PATH:
            operation["responses"]["200"]["headers"].update(_REPLAYED)
    return document


def reference_page(document: Mapping[str, Any]) -> HTMLResponse:
    """A page with every operation of the document."""
    info = document["info"]
    sections = (
        _section(document, path, method, operation)
        for path, method, operation in _operations(document)
    )
    return HTMLResponse(
        f"<!doctype html><meta charset=utf-8><title>{escape(info['title'])}</title>"
        f"<style>{_STYLE}</style><h1>{escape(info['title'])} {escape(info['version'])}</h1>"
        f"<p>{escape(info['description'])}</p><p><a href=openapi.json>openapi.json</a></p>"
        + "".join(sections)
    )


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            yield path, method, operation


def _section(
    document: Mapping[str, Any], path: str, method: str, operation: Mapping[str, Any]
) -> str:
    parameters = "".join(
        f"<li><code>{escape(each['name'])}</code> ({escape(each['in'])}) "
        f"{escape(each.get('description', ''))}</li>"
        for each in operation.get("parameters", ())
    )
    answers = "".join(
        f"<li>{escape(status)}: {escape(answer['description'])}"
        f" {escape(', '.join(_problem_types(answer)))}</li>"
        for status, answer in operation["responses"].items()
    )
    bodies = (operation.get("requestBody"), *map(operation["responses"].get, ("200", "201")))
    examples = "".join(
        f"<pre>{escape(orjson.dumps(example, option=orjson.OPT_INDENT_2).decode())}</pre>"
        for body in bodies
        for example in _examples(document, body or {})
    )
    return (
        f"<details><summary><b>{method.upper()}</b> <code>{escape(path)}</code> "
        f"{escape(operation['summary'])}</summary><p>{escape(operation['description'])}</p>"
        f"<ul>{parameters}</ul><ul>{answers}</ul>{examples}</details>"
    )


def _problem_types(answer: Mapping[str, Any]) -> list[str]:
    return list(answer.get("content", {}).get("application/problem+json", {}).get("examples", ()))


def _examples(document: Mapping[str, Any], body: Mapping[str, Any]) -> list[Any]:
    schema = body.get("content", {}).get("application/json", {}).get("schema", {})
    name = schema.get("$ref", "").rpartition("/")[2]
    examples: list[Any] = document["components"]["schemas"].get(name, {}).get("examples", [])
    return examples

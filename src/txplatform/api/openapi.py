"""Build the OpenAPI document."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import Any, Protocol

import orjson
from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel, TypeAdapter

from txplatform.api.body import JsonBody
from txplatform.api.dependencies import SECURITY_SCHEME
from txplatform.api.openapi_entries import documented_header
from txplatform.contracts.encoding import to_json
from txplatform.contracts.problems import ProblemDetails

_DEFAULT_DESCRIPTION = "Successful Response"
_CORRELATION = documented_header(
    "X-Correlation-Id", "The trace id, which is also in the service's log lines."
)
_ATTRIBUTES = re.compile(r"\s*^Attributes:\n(?P<fields>.*)\Z", re.MULTILINE | re.DOTALL)
_FIELD = re.compile(r"^    (\w+): (.*(?:\n {5,}.*)*)", re.MULTILINE)


class Endpoint(Protocol):
    """The contents of an endpoint module: its routes, and an example of each response."""

    @property
    def router(self) -> APIRouter: ...  # noqa: D102
    @property
    def EXAMPLES(self) -> Sequence[object]: ...  # noqa: D102, N802


def describe(app: FastAPI, endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """Return the OpenAPI document for an application that includes these endpoints."""
    document: dict[str, Any] = get_openapi(
        title="txplatform",
        version=version("txplatform"),
        summary="Authorizes card purchases, reports balances, and lists every event.",
        description=(
            "Amounts are integers in the currency's minor unit. Errors are RFC 9457 problem "
            "details; branch on `type`. Ids are idempotency keys: retry with the same id."
        ),
        routes=app.routes,
    )
    schemas = document["components"]["schemas"]
    # FastAPI does not know these: `JsonBody` reads bodies, and exception handlers write problems.
    _, extra = TypeAdapter.json_schemas(
        [
            *(
                (body.__name__, "validation", TypeAdapter(body))
                for endpoint in endpoints
                for body in _add_bodies(document, endpoint.router)
            ),
            ("problem", "serialization", TypeAdapter(ProblemDetails)),
        ],
        ref_template="#/components/schemas/{model}",
    )
    schemas.update(extra["$defs"])
    for endpoint in endpoints:
        for example in endpoint.EXAMPLES:
            schemas[type(example).__name__]["examples"] = [orjson.loads(to_json(example))]
    describe_fields(document)
    for operation in _operations(document):
        for requirement in operation.get("security", ()):
            needs = " and ".join(f"the scope `{scope}`" for scope in requirement[SECURITY_SCHEME])
            operation["description"] += f"\n\nThe API key needs {needs or 'no scope'}."
        operation["responses"] = dict(sorted(operation["responses"].items()))
        for response in operation["responses"].values():
            response["headers"] = {**_CORRELATION, **response.get("headers", {})}
            if response["description"] == _DEFAULT_DESCRIPTION:
                response["description"] = _first_paragraph(document, response)
    return document


def _add_bodies(document: Mapping[str, Any], router: APIRouter) -> Iterator[type[BaseModel]]:
    for route in router.routes:
        if not isinstance(route, APIRoute):
            continue
        for dependency in route.dependant.dependencies:
            if isinstance(dependency.call, JsonBody):
                model = dependency.call.described_as
                schema = {"$ref": f"#/components/schemas/{model.__name__}"}
                for method in route.methods or ():
                    document["paths"][route.path][method.lower()]["requestBody"] = {
                        "required": True,
                        "content": {"application/json": {"schema": schema}},
                    }
                yield model


def _first_paragraph(document: Mapping[str, Any], response: Mapping[str, Any]) -> str:
    schema = response["content"]["application/json"]["schema"]
    name = schema.get("anyOf", [schema])[0]["$ref"].rpartition("/")[2]
    description: str = document["components"]["schemas"][name]["description"]
    return " ".join(description.partition("\n\n")[0].split())


def describe_fields(value: Any) -> None:
    """Move attribute descriptions from class docstrings to the properties of each schema, in place.

    pydantic uses the whole docstring of a class as the schema's description, but readers look for
    descriptions of fields at the properties.
    """
    if isinstance(value, list):
        for item in value:
            describe_fields(item)
    if not isinstance(value, dict):
        return
    properties, description = value.get("properties"), value.get("description")
    if (
        isinstance(properties, dict)
        and isinstance(description, str)
        and (attributes := _ATTRIBUTES.search(description))
    ):
        value["description"] = description[: attributes.start()]
        for attribute, text in _FIELD.findall(attributes["fields"]):
            name = attribute.removesuffix("_")  # added to Python keywords
            if name in properties:
                description = re.sub(r"\bNone\b", "null", " ".join(text.split()))
                properties[name].setdefault("description", description)
    for inner in value.values():
        describe_fields(inner)


def _operations(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for operations in document["paths"].values():
        yield from operations.values()

"""Build the OpenAPI document."""

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
from txplatform.contracts.json_schemas import JsonSchema, complete, subschemas
from txplatform.contracts.problems import ProblemDetails

CONTACT = {"name": "The operator of this installation"}
LICENSE = {"name": "Apache License 2.0", "identifier": "Apache-2.0"}

TAGS = {
    "transactions": "Decide purchases, and read them with their history.",
    "accounts": "Open accounts, read balances and postings, and set statuses and controls.",
    "settlement": "Post clearings and refunds.",
    "rule sets": "Add, activate and compare the rules of all accounts.",
    "audit": "Read the log and the outcomes of inbound messages.",
    "inbound": "Retry or discard parked messages.",
    "currencies": "List the currencies.",
    "operations": "Probes and metrics, without a key.",
}
"""The groups of operations."""

_DEFAULT_DESCRIPTION = "Successful Response"
_COMPONENTS = "#/components/schemas/"
_CORRELATION = documented_header(
    "X-Correlation-Id",
    "The trace id, which is also in the service's log lines.",
    type="string",
    pattern="^[0-9a-f]{32}$",
    maxLength=32,
)


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
        contact=CONTACT,
        license_info=LICENSE,
        servers=[{"url": "/", "description": "The server of this document."}],
        tags=[{"name": name, "description": text} for name, text in TAGS.items()],
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
        ref_template=_COMPONENTS + "{model}",
    )
    schemas.update(extra["$defs"])
    for endpoint in endpoints:
        for example in endpoint.EXAMPLES:
            schemas[type(example).__name__]["examples"] = [orjson.loads(to_json(example))]
    for schema in [*_schemas(document)]:
        _name_parts(schema, schemas)
    for schema in _schemas(document):
        complete(schema)
    for operation in _operations(document):
        for requirement in operation.setdefault("security", []):
            needs = " and ".join(f"the scope `{scope}`" for scope in requirement[SECURITY_SCHEME])
            operation["description"] += f"\n\nThe API key needs {needs or 'no scope'}."
        operation["responses"] = dict(sorted(operation["responses"].items()))
        for response in operation["responses"].values():
            response["headers"] = {**_CORRELATION, **response.get("headers", {})}
            if response["description"] == _DEFAULT_DESCRIPTION:
                response["description"] = _first_paragraph(document, response)
    return document


def _schemas(document: Mapping[str, Any]) -> Iterator[JsonSchema]:
    """Yield every schema that is in no other one."""
    yield from document["components"]["schemas"].values()
    for operation in _operations(document):
        for parameter in operation.get("parameters", ()):
            yield parameter["schema"]
        if "requestBody" in operation:
            yield from _of_contents(operation["requestBody"])
        for response in operation["responses"].values():
            yield from _of_contents(response)
            yield from (header["schema"] for header in response.get("headers", {}).values())


def _of_contents(described: Mapping[str, Any]) -> Iterator[JsonSchema]:
    yield from (
        each["schema"] for each in described.get("content", {}).values() if "schema" in each
    )


def _name_parts(schema: JsonSchema, schemas: dict[str, JsonSchema]) -> None:
    """Make a component of each object and tagged union within a schema, in place.

    Generators of clients name what they generate after the components, and a discriminator maps its
    constants to components.
    """
    for each in reversed([*subschemas(schema)]):  # the innermost first
        if "discriminator" in each:
            _map_tags(each, schemas)
        name = each.get("title", "")
        if each.keys() & {"properties", "discriminator"} and name and each is not schemas.get(name):
            part = complete({**each})
            if schemas.setdefault(name, part) != part:
                raise ValueError(f"two different schemas have the title {name}")
            each.clear()
            each["$ref"] = _COMPONENTS + name


def _map_tags(union: JsonSchema, schemas: Mapping[str, JsonSchema]) -> None:
    """Add the reference for each constant of the tag to the discriminator, in place."""
    tag = union["discriminator"]["propertyName"]
    references = [member["$ref"] for member in union["oneOf"]]
    members = [schemas[reference.removeprefix(_COMPONENTS)] for reference in references]
    constants = [member["properties"][tag]["const"] for member in members]
    mapping = dict(zip(constants, references, strict=True))
    union["discriminator"] = {"propertyName": tag, "mapping": mapping}


def _add_bodies(document: Mapping[str, Any], router: APIRouter) -> Iterator[type[BaseModel]]:
    for route in router.routes:
        if not isinstance(route, APIRoute):
            continue
        for dependency in route.dependant.dependencies:
            if isinstance(dependency.call, JsonBody):
                model = dependency.call.described_as
                schema = {"$ref": _COMPONENTS + model.__name__}
                for method in route.methods or ():
                    document["paths"][route.path][method.lower()]["requestBody"] = {
                        "required": True,
                        "content": {"application/json": {"schema": schema}},
                    }
                yield model


def _first_paragraph(document: Mapping[str, Any], response: Mapping[str, Any]) -> str:
    schema = response["content"]["application/json"]["schema"]
    name = schema["$ref"].rpartition("/")[2]
    description: str = document["components"]["schemas"][name]["description"]
    return " ".join(description.partition("\n\n")[0].split())


def _operations(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for operations in document["paths"].values():
        yield from operations.values()

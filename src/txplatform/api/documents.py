"""The documents that an API serves about itself, without a key.

`/openapi.json` and its page `/docs`, `/asyncapi.json`, and the JSON Schemas of messages below
`/schemas`. All routes are here, so that one setting can close them.
"""

from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from typing import Any

import orjson
from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from txplatform.api import reference_page
from txplatform.api.asyncapi import describe_messages, message_schemas
from txplatform.api.responses import is_current

CACHE_CONTROL = "public, max-age=3600"
_JSON = "application/json"
_JSON_SCHEMA = "application/schema+json"


class Document:
    """A JSON document with its entity tag (RFC 9110), which changes with the content.

    Args:
        value: The document.
        media_type: The document's media type.
    """

    def __init__(self, value: Mapping[str, Any], media_type: str = _JSON) -> None:
        self._body = orjson.dumps(value)
        self._media_type = media_type
        self._tag = sha256(self._body).hexdigest()[:32]
        self._headers = {"ETag": f'"{self._tag}"', "Cache-Control": CACHE_CONTROL}

    def respond(self, request: Request) -> Response:
        """Return the document, or 304 if the caller has it."""
        if is_current(self._tag, request.headers.getlist("If-None-Match")):
            return Response(status_code=304, headers=self._headers)
        return Response(self._body, headers=self._headers, media_type=self._media_type)


@cache
def _message_documents() -> dict[str, Document]:
    """Return the documents about messages, by path; made once, when one is asked for."""
    schemas = message_schemas()
    return {
        "/asyncapi.json": Document(describe_messages(schemas)),
        "/schemas": Document({"schemas": {name: f"/schemas/{name}.json" for name in schemas}}),
        **{
            f"/schemas/{name}.json": Document(schema, _JSON_SCHEMA)
            for name, schema in schemas.items()
        },
    }


def documents_router(openapi: Mapping[str, Any]) -> APIRouter:
    """Return the routes of all documents, with this OpenAPI document."""
    router = APIRouter(include_in_schema=False)
    router.include_router(reference_page.router)
    described = cache(lambda: Document(openapi))

    @router.get("/openapi.json")
    def read_openapi(request: Request) -> Response:
        return described().respond(request)

    @router.get("/asyncapi.json")
    @router.get("/schemas")
    @router.get("/schemas/{name}")
    def read_message_document(request: Request) -> Response:
        document = _message_documents().get(request.url.path)
        if document is None:
            raise HTTPException(404)
        return document.respond(request)

    return router

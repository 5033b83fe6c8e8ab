"""The API's description of itself: OpenAPI, and a page made from it that needs no other host."""

from __future__ import annotations

from html import escape
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema
from starlette.responses import HTMLResponse

from txplatform.api.process_transaction import documentation
from txplatform.contracts.accounts import OpenAccountRequest

if TYPE_CHECKING:
    from fastapi import FastAPI

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
code { background: #f3f3f3; padding: .1em .3em } summary { cursor: pointer; padding: .4em 0 }
pre { background: #f3f3f3; padding: 1em; overflow: auto } b { display: inline-block; width: 4em }
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
    _, definitions = models_json_schema(
        [(OpenAccountRequest, "validation")], ref_template="#/components/schemas/{model}"
    )
    document["components"]["schemas"].update(definitions["$defs"])
    return document


def reference_page(document: dict[str, Any]) -> HTMLResponse:
    """A page that lists every operation of the document."""
    sections = [
        f"<details><summary><b>{method.upper()}</b> <code>{escape(path)}</code> "
        f"{escape(operation.get('summary', ''))}</summary>"
        f"<p>{escape(operation.get('description', ''))}</p><ul>"
        + "".join(
            f"<li>{status}: {escape(answer.get('description', ''))}</li>"
            for status, answer in operation["responses"].items()
        )
        + "</ul></details>"
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]
    info = document["info"]
    return HTMLResponse(
        f"<!doctype html><meta charset=utf-8><title>{escape(info['title'])}</title>"
        f"<style>{_STYLE}</style><h1>{escape(info['title'])} {escape(info['version'])}</h1>"
        f"<p>{escape(info['description'])}</p><p><a href=openapi.json>openapi.json</a></p>"
        + "".join(sections)
    )

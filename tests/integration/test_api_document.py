"""The OpenAPI document is complete and consistent, and its page loads nothing from other hosts."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import httpx
import jsonschema
import pytest
from pydantic import SecretStr

from txplatform.api.reference_page import FOLDER
from txplatform.api_keys import Scope
from txplatform.bootstrap import create_api
from txplatform.settings import Settings


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The OpenAPI document."""
    return create_api(Settings(database_url=SecretStr("postgresql://nowhere/none"))).document


def _answers(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        answer
        for operations in document["paths"].values()
        for operation in operations.values()
        for answer in operation["responses"].values()
    ]


def test_every_example_fits_its_schema(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    checked = 0
    for schema in schemas.values():
        for example in schema.get("examples", ()):
            jsonschema.validate(example, {**schema, "components": document["components"]})
            checked += 1
    for answer in _answers(document):
        problem = answer.get("content", {}).get("application/problem+json", {})
        for example in problem.get("examples", {}).values():
            jsonschema.validate(example["value"], schemas["ProblemDetails"])
            checked += 1
    assert checked > 50


def test_every_json_answer_has_an_example(document: dict[str, Any]) -> None:
    for answer in _answers(document):
        content = answer.get("content", {}).get("application/json")
        if content is not None and content["schema"]:
            for schema in content["schema"].get("anyOf", [content["schema"]]):
                name = schema["$ref"].rpartition("/")[2]
                assert document["components"]["schemas"][name]["examples"], name


def test_errors_are_described_as_problems(document: dict[str, Any]) -> None:
    """429 and 503 have `Retry-After`, 401 and 403 have `WWW-Authenticate`."""
    for path, operations in document["paths"].items():
        for operation in operations.values():
            for status, answer in operation["responses"].items():
                if path.startswith("/v1") and status >= "400":
                    assert list(answer["content"]) == ["application/problem+json"]
                    assert ("Retry-After" in answer["headers"]) == (status in {"429", "503"})
                    assert ("WWW-Authenticate" in answer["headers"]) == (status in {"401", "403"})


def test_every_operation_says_the_scope_that_it_needs(document: dict[str, Any]) -> None:
    """The scope is in the security requirement (OpenAPI 3.1) and in the description."""
    for path, operations in document["paths"].items():
        for operation in operations.values():
            if path.startswith("/v1"):
                (requirement,) = operation["security"]
                if not requirement["api-key"]:  # any key will do
                    assert "no scope" in operation["description"]
                    continue
                (scope,) = requirement["api-key"]
                assert scope in set(Scope)
                assert f"the scope `{scope}`" in operation["description"]


@pytest.fixture(scope="module")
def browse() -> Callable[..., httpx.Response]:
    """Open a path of an API whose services have not started."""
    api = create_api(Settings(database_url=SecretStr("postgresql://nowhere/none")))

    async def send(path: str, method: str) -> httpx.Response:
        transport = httpx.ASGITransport(app=api)
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
            return await client.request(method, path)

    return lambda path, method="GET": asyncio.run(send(path, method))


def test_the_page_shows_the_document_and_needs_no_other_host(
    browse: Callable[..., httpx.Response], document: dict[str, Any]
) -> None:
    """It works without internet access; the security policy blocks other hosts."""
    page = browse("/docs")
    assert page.headers["content-type"].startswith("text/html")
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert not re.search(r"https?:|\*|unsafe", policy)
    loaded = re.findall(r"""(?:src|href)=["']([^"']+)""", page.text)
    assert len(loaded) == 4
    assert not re.search(r"<script(?! src)|<style|@import|url\(", page.text)
    for name in loaded:
        assert re.fullmatch(r"docs/[\w.-]+", name)
        assert browse(f"/{name}").status_code == 200
    assert '"openapi.json"' in browse("/docs/initialize.js").text
    assert browse("/openapi.json").json() == document


def test_files_that_the_page_does_not_have_are_not_found(
    browse: Callable[..., httpx.Response],
) -> None:
    """Only the listed files are served."""
    for name in ("nothing.js", "..%2Fapp.py", "%2Fetc%2Fpasswd"):
        assert browse(f"/docs/{name}").status_code == 404
    refused = browse("/docs/index.html", "POST")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")


def test_swagger_ui_is_the_version_that_is_named() -> None:
    text = (FOLDER / "VENDORED.md").read_text()
    noted = {name: digest for digest, name in re.findall(r"`([0-9a-f]{64})` \| `([^`]+)`", text)}
    ours = {"VENDORED.md", "index.html", "initialize.js"}
    assert {path.name for path in FOLDER.iterdir()} == noted.keys() | ours
    assert {"LICENSE", "NOTICE"} <= noted.keys()
    for name, digest in noted.items():
        assert sha256((FOLDER / name).read_bytes()).hexdigest() == digest, name

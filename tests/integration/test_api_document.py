"""The OpenAPI document is complete and consistent, and its page loads nothing from other hosts."""

from __future__ import annotations

import asyncio
import json
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
from txplatform.schema_export import documents
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


def _named(document: dict[str, Any], reference: dict[str, str]) -> dict[str, Any]:
    schema: dict[str, Any] = document["components"]["schemas"][reference["$ref"].rpartition("/")[2]]
    return schema


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
            named = _named(document, content["schema"])
            members = [_named(document, each) for each in named.get("oneOf", ())]
            for schema in members or [named]:
                assert schema["examples"], schema["title"]


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


def browser(**settings: str) -> Callable[..., httpx.Response]:
    """Return a function that opens a path of an API whose services have not started."""
    database_url = SecretStr("postgresql://nowhere/none")
    api = create_api(Settings.model_validate({"database_url": database_url, **settings}))

    async def send(path: str, method: str, headers: dict[str, str]) -> httpx.Response:
        transport = httpx.ASGITransport(app=api)
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
            return await client.request(method, path, headers=headers)

    return lambda path, method="GET", **headers: asyncio.run(send(path, method, headers))


@pytest.fixture(scope="module")
def browse() -> Callable[..., httpx.Response]:
    """Open a path of an API with the default settings."""
    return browser()


DOCUMENTS = ["/docs", "/docs/index.html", "/openapi.json", "/asyncapi.json", "/schemas"]


@pytest.mark.parametrize(
    ("setting", "closed"),
    [
        ("api_docs", DOCUMENTS),
        ("api_metrics", ["/metrics"]),
    ],
)
def test_a_setting_closes_the_documents_and_another_one_the_metrics(
    browse: Callable[..., httpx.Response], setting: str, closed: list[str]
) -> None:
    closed_off = browser(**{setting: "off"})
    for path in [*DOCUMENTS, "/metrics", "/livez"]:
        assert browse(path).status_code == 200
        found = closed_off(path)
        assert (found.status_code == 404) is (path in closed), path
        if path in closed:
            assert found.json()["type"] == "/problems/not-found"


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


def test_the_documents_are_served_as_they_are_published(
    browse: Callable[..., httpx.Response],
) -> None:
    """They need no key, and the references between them lead to what is served."""
    published = {name: json.loads(text) for name, text in documents().items()}
    for name, document in published.items():
        response = browse(f"/{name}")
        kind = "schema+json" if name.startswith("schemas/") else "json"
        assert response.headers["content-type"] == f"application/{kind}"
        assert response.json() == document, name
    listed = browse("/schemas").json()["schemas"]
    assert [path.removeprefix("/") for path in listed.values()] == [
        name for name in published if name.startswith("schemas/")
    ]
    for channel in published["asyncapi.json"]["channels"].values():
        payload = channel["messages"]["message"]["payload"]
        if not channel["address"].endswith(".dlq"):
            assert browse(f"/{payload['$ref']}").json()["$schema"]


@pytest.mark.parametrize("path", ["/openapi.json", "/asyncapi.json", "/schemas"])
def test_a_document_that_the_caller_has_is_not_sent_again(
    browse: Callable[..., httpx.Response], path: str
) -> None:
    first = browse(path)
    tag = first.headers["etag"]
    assert first.headers["cache-control"] == "public, max-age=3600"
    for known in (tag, f'"other", W/{tag}', "*"):
        again = browse(path, "GET", **{"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
        assert again.headers["cache-control"] == first.headers["cache-control"]
    assert browse(path, "GET", **{"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize("name", ["nothing.json", "transactions.hold-expired.v1", "..%2Fsettings"])
def test_a_schema_that_does_not_exist_is_a_problem(
    browse: Callable[..., httpx.Response], name: str
) -> None:
    response = browse(f"/schemas/{name}")
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"


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

"""The API's description can be relied on: its examples fit, its page needs no other host."""

from __future__ import annotations

import re
from typing import Any

import jsonschema
import pytest
from pydantic import SecretStr

from txplatform.api.app import create_api
from txplatform.api.openapi import describe
from txplatform.api.reference_page import reference_page
from txplatform.api_keys import Scope
from txplatform.settings import Settings


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The OpenAPI document."""
    return describe(create_api(Settings(database_url=SecretStr("postgresql://nowhere/none"))).app)


def _answers(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        answer
        for operations in document["paths"].values()
        for operation in operations.values()
        for answer in operation["responses"].values()
    ]


def test_every_example_fits_its_schema(document: dict[str, Any]) -> None:
    """Of requests and of answers; the problems' among them."""
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
    """So that a reader sees one before the first call."""
    for answer in _answers(document):
        content = answer.get("content", {}).get("application/json")
        if content is not None and content["schema"]:
            for schema in content["schema"].get("anyOf", [content["schema"]]):
                name = schema["$ref"].rpartition("/")[2]
                assert document["components"]["schemas"][name]["examples"], name


def test_errors_are_described_as_what_they_are(document: dict[str, Any]) -> None:
    """RFC 9457's media type only; 503 says when to retry, 401 how to authenticate."""
    for path, operations in document["paths"].items():
        for operation in operations.values():
            for status, answer in operation["responses"].items():
                if path.startswith("/v1") and status >= "400":
                    assert list(answer["content"]) == ["application/problem+json"]
                    assert ("Retry-After" in answer["headers"]) == (status == "503")
                    assert ("WWW-Authenticate" in answer["headers"]) == (status == "401")


def test_every_operation_says_the_scope_that_it_needs(document: dict[str, Any]) -> None:
    """To a program as the security requirement's role (OpenAPI 3.1), to people in a sentence."""
    for path, operations in document["paths"].items():
        for operation in operations.values():
            if path.startswith("/v1"):
                (requirement,) = operation["security"]
                (scope,) = requirement["api-key"]
                assert scope in set(Scope)
                assert f"the scope `{scope}`" in operation["description"]


def test_the_page_shows_every_operation_and_needs_no_other_host(document: dict[str, Any]) -> None:
    """It is read where there is no internet, too."""
    page = bytes(reference_page(document).body).decode()
    assert all(f"<code>{path}</code>" in page for path in document["paths"])
    assert not re.search(r"""(src|href)=["']?(https?:)?//|<script|@import|url\(""", page)

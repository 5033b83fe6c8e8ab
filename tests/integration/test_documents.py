"""The generated documents in docs/ are up to date and complete."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conftest import TOPICS
from txplatform.contracts.problems import ProblemType
from txplatform.schema_export import documents

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def openapi() -> dict[str, Any]:
    """The API's description."""
    document: dict[str, Any] = json.loads(documents()["openapi.json"])
    return document


@pytest.mark.parametrize("path", documents())
def test_the_generated_documents_match_the_code(path: str) -> None:
    """A difference is either a mistake or a change that other teams must learn about."""
    assert (DOCS / path).read_text() == documents()[path], "run `make schemas` and review the diff"


def test_every_topic_of_the_contract_is_described() -> None:
    channels = json.loads(documents()["asyncapi.json"])["channels"]
    assert set(channels) == set(TOPICS)


def test_every_operation_says_what_it_is_and_what_can_go_wrong(openapi: dict[str, Any]) -> None:
    """Each has a description; calls under /v1 also list their problems."""
    for path, operations in openapi["paths"].items():
        for operation in operations.values():
            assert operation["description"]
            if path.startswith("/v1"):
                assert {"401", "403", "422", "500", "503"} <= set(operation["responses"])
                assert operation["security"]


OF_PROTOCOL = {
    "invalid-http",
    "uri-too-long",
    "head-too-large",
    "not-implemented",
    "http-version-not-supported",
}
"""Problems of requests that reach no operation."""


def test_every_problem_is_described_somewhere(openapi: dict[str, Any]) -> None:
    described = {
        kind
        for operations in openapi["paths"].values()
        for operation in operations.values()
        for answer in operation["responses"].values()
        for kind in answer.get("content", {})
        .get("application/problem+json", {})
        .get("examples", {})
    }
    of_any_request = {"not-found", "method-not-allowed", *OF_PROTOCOL}
    assert {kind.code for kind in ProblemType} - described == of_any_request


def test_the_decision_has_the_contract_s_example(openapi: dict[str, Any]) -> None:
    (example,) = openapi["components"]["schemas"]["ProcessTransactionRequest"]["examples"]
    assert example["transaction_id"] == "tx-1001"

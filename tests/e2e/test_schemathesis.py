"""The running API fuzzed from its own OpenAPI document."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from harness.api import RunningApi
from txplatform.api.process_transaction import PATH

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.mark.parametrize("examples", [4, pytest.param(40, marks=pytest.mark.long)])
def test_no_input_makes_the_api_fail_or_contradict_its_document(
    own_api: RunningApi, subtests: pytest.Subtests, examples: int
) -> None:
    """There is no 5xx, and every status, media type and body is documented.

    The event stream is left out: it never ends, and other tests cover it.
    """
    document = schemathesis.openapi.from_url(f"{own_api.url}/openapi.json")
    headers = {"Authorization": f"Bearer {own_api.key}"}
    fuzzed = set()
    for result in document.exclude(path="/v1/events/stream").get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()
        fuzzed.add(f"{operation.method.upper()} {operation.path}")

        @settings(
            max_examples=examples,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def fuzz(case: schemathesis.Case[Any]) -> None:
            response = case.call(headers=headers)
            case.validate_response(response, checks=CHECKS)

        with subtests.test(operation=operation.label):
            fuzz()
    assert {f"POST {PATH}", "POST /v1/accounts", "GET /v1/events"} <= fuzzed

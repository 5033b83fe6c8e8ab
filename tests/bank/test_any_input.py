"""No text in the path, the query or the body of a request makes a service of the bank fail."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx
import pytest
import schemathesis
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from harness.bank import Bank
from harness.web import WebUser
from txbank import web
from txbank.commands import SERVICES

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
APIS = [name for name, each in SERVICES.items() if each.scopes]
EXAMPLES = [5, pytest.param(50, marks=pytest.mark.long)]
TEXTS = st.one_of(
    st.sampled_from(
        ["\x00", "a\x00b", "x" * 10_000, "-1", str(2**70), "\ud800", "1e400", "%", ".."]
    ),
    st.text(st.characters(), max_size=70),
)
"""Any text, lone surrogates included."""
FORMS = settings(derandomize=True, suppress_health_check=list(HealthCheck))


def escaped(text: str) -> str:
    """Return a text as a part of a path or a query."""
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


def url(path: str, query: list[str], draw: st.DrawFn) -> str:
    """Return the URL of a call with texts as its parameters."""
    parts = [escaped(draw(TEXTS)) if each.startswith("{") else each for each in path.split("/")]
    given = [f"{escaped(name)}={escaped(draw(TEXTS))}" for name in query if draw(st.booleans())]
    return "/".join(parts) + ("?" + "&".join(given) if given else "")


urls = st.composite(lambda draw, path, query: url(path, query, draw))


@pytest.mark.parametrize("examples", EXAMPLES)
@pytest.mark.parametrize("service", APIS)
def test_no_text_in_path_and_query_makes_a_call_fail(
    bank: Bank, service: str, examples: int, subtests: pytest.Subtests
) -> None:
    document = httpx.get(f"{bank.url(service)}/openapi.json").json()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            query = [
                each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"
            ]

            @settings(FORMS, max_examples=examples)
            @given(target=urls(path, query), method=st.just(method))
            def try_call(target: str, method: str) -> None:
                with bank.client(service) as client:
                    response = client.request(method, target, json={})
                assert response.status_code < 500, (target[:200], response.text)

            with subtests.test(method=method, path=path):
                try_call()


@pytest.mark.parametrize("examples", EXAMPLES)
@pytest.mark.parametrize("service", APIS)
def test_no_input_makes_a_service_fail_or_contradict_its_document(
    bank: Bank, service: str, examples: int, subtests: pytest.Subtests
) -> None:
    document = schemathesis.openapi.from_url(f"{bank.url(service)}/openapi.json")
    headers = {"Authorization": f"Bearer {bank.key}"}
    for result in document.get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()

        @settings(FORMS, max_examples=examples)
        @given(case=operation.as_strategy())
        def fuzz(case: schemathesis.Case[Any]) -> None:
            response = case.call(headers=headers)
            case.validate_response(response, checks=CHECKS)

        with subtests.test(operation=operation.label):
            fuzz()


@pytest.mark.parametrize("examples", EXAMPLES)
def test_no_text_in_path_and_query_makes_a_page_fail(
    holder: WebUser, staff: WebUser, examples: int, subtests: pytest.Subtests
) -> None:
    """The live page is left out: it never ends. Without the platform, some pages are 503."""
    for route in (each for router in web.ROUTERS for each in router.routes):
        assert isinstance(route, APIRoute)
        query = [each.alias for each in route.dependant.query_params]
        user = staff if route.path.startswith("/staff") else holder
        (method,) = sorted(route.methods or ())
        if route.path.endswith("/live") or route.path == "/logout":
            continue

        @settings(FORMS, max_examples=examples)
        @given(target=urls(route.path, query), user=st.just(user), method=st.just(method))
        def try_page(target: str, user: WebUser, method: str) -> None:
            response = user.client.request(method, target)
            assert response.status_code != 500, target[:200]

        with subtests.test(method=method, path=route.path):
            try_page()

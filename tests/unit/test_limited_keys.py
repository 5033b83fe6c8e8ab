"""Every endpoint says what a key that is limited to accounts may do with it."""

from __future__ import annotations

from functools import cache
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import SecretStr

from txplatform.api.dependencies import ACCOUNT_PARAMETER, RequiredKey
from txplatform.api_keys import PLATFORM_SCOPES, Scope
from txplatform.bootstrap import create_api
from txplatform.settings import Settings

NO_KEY, BY_PATH, OWN, REFUSED = "no key", "account in the path", "shows own", "refused"

ENDPOINTS = {
    "POST /v1/process-transaction": OWN,
    "POST /v1/accounts": OWN,
    "GET /v1/accounts/{account_id}/balance": BY_PATH,
    "POST /v1/accounts/{account_id}/status": BY_PATH,
    "GET /v1/accounts/{account_id}/controls": BY_PATH,
    "PUT /v1/accounts/{account_id}/controls": BY_PATH,
    "GET /v1/accounts/{account_id}/transactions": BY_PATH,
    "GET /v1/accounts/{account_id}/transactions/{transaction_id}": BY_PATH,
    "GET /v1/accounts/{account_id}/postings": BY_PATH,
    "POST /v1/accounts/{account_id}/transactions/{transaction_id}/increments": BY_PATH,
    "POST /v1/accounts/{account_id}/transactions/{transaction_id}/reversals": BY_PATH,
    "POST /v1/accounts/{account_id}/transactions/{transaction_id}/clearings": BY_PATH,
    "POST /v1/accounts/{account_id}/refunds": BY_PATH,
    "POST /v1/clearings": OWN,
    "GET /v1/rulesets": REFUSED,
    "POST /v1/rulesets": REFUSED,
    "GET /v1/rulesets/{ruleset_id}": REFUSED,
    "POST /v1/rulesets/{ruleset_id}/activations": REFUSED,
    "GET /v1/rulesets/{ruleset_id}/shadowings": REFUSED,
    "POST /v1/rulesets/{ruleset_id}/shadowings": REFUSED,
    "DELETE /v1/rulesets/{ruleset_id}/shadowings/{shadowing_id}": REFUSED,
    "GET /v1/rulesets/{ruleset_id}/shadowings/{shadowing_id}/disagreements": REFUSED,
    "GET /v1/accounts/{account_id}/events": BY_PATH,
    "GET /v1/events": OWN,
    "GET /v1/events/stream": OWN,
    "GET /v1/inbound-messages": OWN,
    "POST /v1/inbound-messages/retries": OWN,
    "POST /v1/inbound-messages/{message_id}/retries": OWN,
    "POST /v1/inbound-messages/{message_id}/discards": OWN,
    "GET /v1/currencies": OWN,
    "GET /livez": NO_KEY,
    "GET /startupz": NO_KEY,
    "GET /readyz": NO_KEY,
    "GET /metrics": NO_KEY,
    "GET /docs": NO_KEY,
    "GET /docs/{name}": NO_KEY,
    "GET /openapi.json": NO_KEY,
    "GET /asyncapi.json": NO_KEY,
    "GET /schemas": NO_KEY,
    "GET /schemas/{name}": NO_KEY,
}
"""For each endpoint that shows own, tests/e2e/test_limited_keys_http.py has a test."""


@cache
def _routes() -> list[APIRoute]:
    settings = Settings(_env_file=None, database_url=SecretStr("postgresql://nowhere/none"))
    app: Any = create_api(settings)
    while not isinstance(app, FastAPI):
        app = app.app
    routes = [found.original_route for found in iter_route_contexts(app.routes)]
    assert all(isinstance(route, APIRoute) for route in routes)
    return [route for route in routes if isinstance(route, APIRoute)]


def _callers(route: APIRoute) -> list[RequiredKey]:
    return [
        each.call for each in route.dependant.dependencies if isinstance(each.call, RequiredKey)
    ]


def _kind(route: APIRoute) -> str:
    match _callers(route):
        case []:
            return NO_KEY
        case [*_] if f"{{{ACCOUNT_PARAMETER}}}" in route.path:
            return BY_PATH
        case [*callers]:
            return OWN if all(caller.checks_accounts for caller in callers) else REFUSED


def test_every_endpoint_is_classified() -> None:
    """A new endpoint is refused to limited keys until somebody decides otherwise."""
    found = {
        f"{method} {route.path}": _kind(route)
        for route in _routes()
        for method in (route.methods or set()) - {"HEAD"}
    }
    assert found == ENDPOINTS


def test_every_path_names_an_account_in_the_same_way() -> None:
    """Otherwise an account in the path would not be compared with those of the key."""
    for route in _routes():
        named = {part for part in route.path.split("/") if "account" in part and "{" in part}
        assert named <= {f"{{{ACCOUNT_PARAMETER}}}"}


def test_a_limited_key_cannot_have_the_scope_of_an_endpoint_that_would_refuse_it() -> None:
    scopes = {caller.scope for route in _routes() for caller in _callers(route)}
    refused = {
        caller.scope for route in _routes() if _kind(route) == REFUSED for caller in _callers(route)
    }
    assert refused == set(PLATFORM_SCOPES)
    assert scopes == {*Scope, None}

"""Rule sets over HTTP: added, activated in every process, evaluated in shadow, replaced."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import psycopg
import pytest

from harness.api import RunningApi, balance, create_key, open_account, purchase, running_api
from harness.postgres import PostgresServer
from harness.waiting import wait_until
from txplatform.domain.cause import KeyCause
from txplatform.rulebook.store import read_book

NO_BOOKS = {
    "name": "retail",
    "version": 1,
    "rules": [{"rule": "category_deny", "categories": ["5942"]}],
}
AT_MOST_10 = {
    "name": "retail",
    "version": 2,
    "rules": [{"rule": "amount_limit", "max_amount": 1000}],
}


@pytest.fixture(scope="module")
def shared_api(postgres: PostgresServer) -> Iterator[RunningApi]:
    """An API whose rule book stays empty, for requests that are refused."""
    database = postgres.new_database()
    with running_api({"TXPLATFORM_DATABASE_URL": database.service_url}) as running:
        yield running
        assert running.client.get("/v1/rulesets").json()["version"] == 0
    postgres.drop(database)


def add(client: httpx.Client, ruleset: Mapping[str, Any]) -> httpx.Response:
    """Add a rule set."""
    return client.post("/v1/rulesets", json=ruleset)


def activate(
    client: httpx.Client, ruleset_id: str, activation_id: str, reason: str = "Because."
) -> httpx.Response:
    """Activate a rule set."""
    return client.post(
        f"/v1/rulesets/{ruleset_id}/activations",
        json={"activation_id": activation_id, "reason": reason},
    )


def decide(client: httpx.Client, transaction_id: str, amount: int = 500) -> dict[str, Any]:
    """Decide a purchase at the bookshop."""
    answer = client.post("/v1/process-transaction", json=purchase(transaction_id, "acc", amount))
    assert answer.status_code == 200, answer.text
    decided: dict[str, Any] = answer.json()
    return decided


def wait_for_ruleset(client: httpx.Client, ruleset_id: str) -> None:
    """Wait until decisions are made by this rule set."""
    numbers = iter(range(10_000))
    wait_until(
        lambda: decide(client, f"{ruleset_id[:-2]}.{next(numbers)}")["ruleset"] == ruleset_id,
        timeout_s=2,
        message=f"{ruleset_id} to decide within two seconds",
    )


def test_a_rule_set_is_added_activated_and_replaced(own_api: RunningApi) -> None:
    """Decisions name their rule set; the rule book names author and reason."""
    client = own_api.client
    open_account(client, "acc", 1_000_000)
    assert decide(client, "before")["ruleset"] == "default@1"

    added = add(client, NO_BOOKS)
    assert added.status_code == 201, added.text
    assert added.json()["id"] == "retail@1"
    assert not added.json()["active"]
    assert decide(client, "added")["decision"] == "approved"

    activated = activate(client, "retail@1", "act-1", "Books are risky.")
    assert activated.status_code == 200, activated.text
    wait_for_ruleset(client, "retail@1")
    declined = decide(client, "books")
    assert (declined["decision"], declined["reasons"][0]["code"]) == (
        "declined",
        "merchant_category_not_allowed",
    )

    assert activate(client, "default@1", "act-2", "They are not.").status_code == 200
    wait_for_ruleset(client, "default@1")
    assert decide(client, "books-again")["decision"] == "approved"
    assert decide(client, "books") == declined

    book = client.get("/v1/rulesets").json()
    assert (book["active"], book["version"]) == ("default@1", 3)
    history = client.get("/v1/rulesets/retail@1").json()
    assert history["content"]["rules"] == NO_BOOKS["rules"]
    (once,) = history["activations"]
    assert (once["activation_id"], once["reason"]) == ("act-1", "Books are risky.")
    assert once["activated_by"].startswith("test (key_")
    with psycopg.connect(own_api.env["TXPLATFORM_DATABASE_URL"]) as connection:
        authors = {entry.change.by for entry in read_book(connection).entries.values()}
    assert [(type(author), str(author)) for author in authors] == [(KeyCause, once["activated_by"])]


def test_repeated_changes_are_replayed_and_other_contents_refused(own_api: RunningApi) -> None:
    """This applies to rule sets, activations and shadow evaluations."""
    client = own_api.client
    assert add(client, NO_BOOKS).status_code == 201
    again = add(client, NO_BOOKS)
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (200, "true")
    other = add(client, {**AT_MOST_10, "version": 1})
    assert (other.status_code, other.json()["type"]) == (409, "/problems/id-reused")
    built_in = add(client, {"name": "default", "version": 1, "rules": []})
    assert (built_in.status_code, built_in.json()["type"]) == (409, "/problems/id-reused")

    as_it_is = client.get("/v1/rulesets/default@1").json()["content"]
    built_in = add(client, as_it_is)
    assert (built_in.status_code, built_in.headers["Idempotency-Replayed"]) == (200, "true")
    assert built_in.json()["content"] == as_it_is

    first = activate(client, "retail@1", "act-1")
    activate(client, "default@1", "act-2")
    replayed = activate(client, "retail@1", "act-1")
    assert replayed.json() == first.json()
    assert replayed.headers["Idempotency-Replayed"] == "true"
    assert client.get("/v1/rulesets").json()["active"] == "default@1"
    for ruleset_id, reason in (("default@1", "Because."), ("retail@1", "Another reason.")):
        reused = activate(client, ruleset_id, "act-1", reason)
        assert (reused.status_code, reused.json()["type"]) == (409, "/problems/id-reused")

    shadowing = {"shadowing_id": "sh-1", "reason": "Try."}
    path = "/v1/rulesets/retail@1/shadowings"
    begun = client.post(path, json=shadowing)
    assert begun.status_code == 200, begun.text
    assert client.post(path, json=shadowing).headers["Idempotency-Replayed"] == "true"
    ended = client.delete(f"{path}/sh-1").json()
    assert ended["ended_at"] is not None
    assert client.delete(f"{path}/sh-1").json() == ended
    activate(client, "retail@1", "act-3")
    replayed = client.post(path, json=shadowing)
    assert (replayed.status_code, replayed.json()) == (200, ended)
    assert replayed.headers["Idempotency-Replayed"] == "true"
    assert client.get("/v1/rulesets").json()["version"] == 6


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "kind"),
    [
        ("POST", "", {"name": "Retail", "version": 1}, 422, "validation"),
        ("POST", "", {"name": "retail", "version": 1, "rules": [{"rule": "x"}]}, 422, "validation"),
        ("POST", "", {"name": "retail", "version": 1, "surprise": 1}, 422, "validation"),
        ("POST", "", [], 422, "validation"),
        ("GET", "/retail@9", None, 404, "ruleset-not-found"),
        ("GET", "/retail", None, 422, "validation"),
        ("GET", "/retail@9/shadowings", None, 404, "ruleset-not-found"),
        ("GET", "/default@1/shadowings/sh/disagreements", None, 404, "shadowing-not-found"),
        ("DELETE", "/default@1/shadowings/sh", None, 404, "shadowing-not-found"),
        (
            "POST",
            "/retail@9/activations",
            {"activation_id": "a", "reason": "r"},
            404,
            "ruleset-not-found",
        ),
        ("POST", "/default@1/activations", {"activation_id": "a"}, 422, "validation"),
        (
            "POST",
            "/retail@9/shadowings",
            {"shadowing_id": "a", "reason": "r"},
            404,
            "ruleset-not-found",
        ),
        (
            "POST",
            "/default@1/shadowings",
            {"shadowing_id": "a", "reason": "r"},
            409,
            "ruleset-in-force",
        ),
    ],
)
def test_a_refused_request_has_its_own_problem_and_changes_nothing(  # noqa: PLR0913  # one row, one answer
    shared_api: RunningApi, method: str, path: str, body: Any, status: int, kind: str
) -> None:
    client = shared_api.client
    answer = client.request(method, f"/v1/rulesets{path}", json=body)
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{kind}"), answer.text
    assert client.get("/v1/rulesets").json()["version"] == 0


def test_many_contradicting_lists_do_not_block_other_requests(own_api: RunningApi) -> None:
    """Each pair of 200 lists gives a warning; 100 warnings are returned at once."""
    lists = [[f"0000-{number:04d}", f"{number + 2:04d}-9999"] for number in range(200)]
    kinds = ("category_allow", "category_deny")
    rules = [{"rule": kinds[number % 2], "categories": list_} for number, list_ in enumerate(lists)]
    added = add(own_api.client, {"name": "lists", "version": 1, "rules": rules})
    assert added.status_code == 201, added.text
    warnings = added.json()["warnings"]
    assert len(warnings) == 101
    assert warnings[-1] == "There are 9900 more warnings: fix these first."
    assert own_api.client.get("/v1/rulesets/lists@1").json()["warnings"] == warnings


def test_warnings_know_the_currencies_of_the_accounts_as_lint_does(own_api: RunningApi) -> None:
    rules = [{"rule": "amount_limit", "max_amount": 1000}]
    for number, currency in enumerate(("EUR", "JPY")):
        body = {"account_id": f"a{number}", "currency": currency, "credit_limit": 100}
        assert own_api.client.post("/v1/accounts", json=body).status_code == 201
        added = add(own_api.client, {"name": "retail", "version": number + 1, "rules": rules})
        named = "rules[0] (amount_limit) has no currency, so 1000 means 10.00 EUR and 1,000 JPY"
        found = [warning for warning in added.json()["warnings"] if warning.startswith(named)]
        assert len(found) == number
    read = own_api.client.get("/v1/rulesets/retail@1").json()
    assert read["warnings"] == added.json()["warnings"]


def test_each_invalid_rule_is_named_by_its_place(shared_api: RunningApi) -> None:
    rules = [{"rule": "amount_limit", "max_amount": 0}, {"rule": "velocity_count", "max_count": 3}]
    answer = add(shared_api.client, {"name": "retail", "version": 1, "rules": rules})
    assert [error["pointer"] for error in answer.json()["errors"]] == [
        "/rules/0/max_amount",
        "/rules/1/window_minutes",
    ]


def test_rule_sets_have_their_own_scopes(shared_api: RunningApi) -> None:
    """A key that may decide purchases may not change the rules."""
    key = create_key(shared_api.env, "transactions:write", "accounts:write", "rules:read")
    with httpx.Client(
        base_url=shared_api.url, headers={"Authorization": f"Bearer {key}"}
    ) as client:
        assert client.get("/v1/rulesets").status_code == 200
        assert add(client, NO_BOOKS).status_code == 403
        assert activate(client, "default@1", "a").status_code == 403
    key = create_key(shared_api.env, "transactions:write")
    with httpx.Client(
        base_url=shared_api.url, headers={"Authorization": f"Bearer {key}"}
    ) as client:
        assert client.get("/v1/rulesets").status_code == 403


def test_an_activation_reaches_every_process_without_a_restart(
    service_env: Mapping[str, str],
) -> None:
    """Within two seconds, both processes decide by the new rule set."""
    with running_api(service_env) as one, running_api(service_env) as two:
        open_account(one.client, "acc", 1_000_000)
        assert decide(two.client, "before")["ruleset"] == "default@1"
        add(one.client, NO_BOOKS)
        activate(one.client, "retail@1", "act-1")
        wait_for_ruleset(two.client, "retail@1")
        wait_for_ruleset(one.client, "retail@1")


Changes = tuple[tuple[str, str, "Mapping[str, Any]"], ...]
"""Key, topic and stored fields of each change."""


def append_changes(env: Mapping[str, str], changes: Changes) -> None:
    """Append changes as another version of the platform would."""
    with psycopg.connect(env["TXPLATFORM_DATABASE_URL"], autocommit=True) as connection:
        for key, topic, stored in changes:
            connection.execute(
                "INSERT INTO ruleset_events (version, event_id, event_key, topic, state)"
                " SELECT coalesce(max(version), 0) + 1, %s, %s, %s, convert_to(%s, 'UTF8')"
                " FROM ruleset_events",
                (key, key, topic, json.dumps(stored)),
            )


MOON_SET: Changes = (
    (
        "ruleset:moon@1",
        "ruleset-added",
        {
            "ruleset": {"name": "moon", "version": 1, "rules": [{"rule": "phase_of_moon"}]},
            "content_hash": "0" * 64,
            "by": {"kind": "operator", "name": "a newer version"},
        },
    ),
    (
        "activation:full",
        "ruleset-activated",
        {
            "activation_id": "full",
            "ruleset_id": "moon@1",
            "reason": "Full.",
            "by": {"kind": "operator", "name": "a newer version"},
            "after_position": 0,
        },
    ),
)
MOON_ROSE: Changes = (("phase-of-moon:1", "moon-rose", {}),)
MOON_FIELD: Changes = (("shadowing-end:s", "shadowing-ended", {"phase_of_moon": "full"}),)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        pytest.param(MOON_SET, "moon@1", id="a rule set"),
        pytest.param(MOON_ROSE, "moon-rose", id="a kind of change", marks=pytest.mark.long),
        pytest.param(
            MOON_FIELD, "shadowing-ended", id="a field of a change", marks=pytest.mark.long
        ),
    ],
)
def test_rules_of_a_newer_version_stop_only_purchases(
    own_api: RunningApi, changes: Changes, named: str
) -> None:
    """Requests that need no rule set still succeed, and readiness gives the reason."""
    client = own_api.client
    open_account(client, "acc", 1_000_000)
    known = purchase("known", "acc", 500)
    decided = client.post("/v1/process-transaction", json=known)
    append_changes(own_api.env, changes)

    def unready() -> str:
        answer = client.get("/readyz")
        return str(answer.json()["detail"]) if answer.status_code == 503 else ""

    detail = wait_until(unready, timeout_s=10, message="the process to say that it is not ready")
    assert detail.startswith("No purchase can be decided.")
    assert named in detail
    assert "or a newer" in detail

    for query in ("", "?dry_run=true"):
        path = f"/v1/process-transaction{query}"
        for number in range(20):
            refused = client.post(path, json=purchase(f"new-{number}", "acc", 1))
            assert (refused.status_code, refused.json()["type"]) == (
                503,
                "/problems/store-unavailable",
            )
            assert named in refused.json()["detail"]
        again = client.post(path, json=known)
        assert (again.status_code, again.json()) == (200, decided.json())
        assert again.headers["Idempotency-Replayed"] == "true"

    increment = {"increment_id": "i", "amount": 1}
    raised = client.post("/v1/accounts/acc/transactions/known/increments", json=increment)
    assert (raised.status_code, raised.json()["type"]) == (503, "/problems/store-unavailable")

    for path, body in (
        (
            "transactions/known/clearings",
            {"clearing_id": "c", "amount": 200, "currency": "USD", "final": False},
        ),
        ("transactions/known/reversals", {"reversal_id": "r", "amount": 100}),
        ("status", {"status_id": "s", "status": "frozen", "reason": "Stolen."}),
    ):
        answer = client.post(f"/v1/accounts/acc/{path}", json=body)
        assert answer.status_code == 200, answer.text
    money = balance(client, "acc")
    assert (money["posted"], money["pending"], money["status"]) == (200, 200, "frozen")

    metrics = client.get("/metrics").text
    assert "txplatform_batch_failures_total 0.0" in metrics
    assert "Traceback" not in own_api.command.stderr
    assert own_api.command.stderr.count("no purchase can be decided") == 1


def test_an_unreadable_rule_set_can_be_replaced(own_api: RunningApi) -> None:
    """The version that cannot read it activates another rule set."""
    client = own_api.client
    open_account(client, "acc", 1_000_000)
    append_changes(own_api.env, MOON_SET)

    wait_until(lambda: in_force(client) == ['{ruleset="moon@1"} 0.0'], message="it to be shown")
    assert activate(client, "default@1", "back").status_code == 200
    wait_until(lambda: client.get("/readyz").status_code == 200, message="readiness")
    assert decide(client, "t")["ruleset"] == "default@1"
    assert in_force(client) == ['{ruleset="default@1"} 1.0']


@pytest.mark.long
def test_an_idle_process_shows_the_rule_set_in_force(service_env: Mapping[str, str]) -> None:
    """An alert can fire if processes show different rule sets."""
    with running_api(service_env) as one, running_api(service_env) as idle:
        add(one.client, NO_BOOKS)
        activate(one.client, "retail@1", "act-1")
        wait_until(
            lambda: in_force(idle.client) == ['{ruleset="retail@1"} 1.0'],
            timeout_s=10,
            message="the activation to be shown without a request",
        )


def in_force(client: httpx.Client) -> list[str]:
    """Return the active rule set from the metrics, and 1.0 if the process can use it."""
    name = "txplatform_ruleset_in_force"
    lines = client.get("/metrics").text.splitlines()
    return [line.removeprefix(name) for line in lines if line.startswith(name)]

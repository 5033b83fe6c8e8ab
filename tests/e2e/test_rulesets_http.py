"""Rule sets over HTTP: added, activated in every process, shadowed, gone back from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import psycopg
import pytest

from harness.api import create_key, open_account, purchase, running_api
from harness.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.api import RunningApi
    from harness.postgres import PostgresServer

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


@pytest.fixture
def api(service_env: Mapping[str, str]) -> Iterator[RunningApi]:
    """An API with a key of every scope."""
    with running_api(service_env) as running:
        yield running


@pytest.fixture(scope="module")
def shared_api(postgres: PostgresServer) -> Iterator[RunningApi]:
    """An API whose rule book stays empty, for what is refused."""
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
    """A purchase at the bookshop."""
    answer = client.post("/v1/process-transaction", json=purchase(transaction_id, "acc", amount))
    assert answer.status_code == 200, answer.text
    decided: dict[str, Any] = answer.json()
    return decided


def decides_by(client: httpx.Client, ruleset_id: str) -> None:
    """Wait until decisions are made by this rule set."""
    numbers = iter(range(10_000))
    wait_until(
        lambda: decide(client, f"{ruleset_id[:-2]}.{next(numbers)}")["ruleset"] == ruleset_id,
        timeout_s=2,
        message=f"{ruleset_id} to decide within two seconds",
    )


def test_a_rule_set_is_added_activated_and_left_again(api: RunningApi) -> None:
    """Decisions name the rule set they were made by, and the history says who and why."""
    client = api.client
    open_account(client, "acc", 1_000_000)
    assert decide(client, "before")["ruleset"] == "default@1"

    added = add(client, NO_BOOKS)
    assert added.status_code == 201, added.text
    assert added.json()["id"] == "retail@1"
    assert not added.json()["active"]
    assert decide(client, "added")["decision"] == "approved"

    activated = activate(client, "retail@1", "act-1", "Books are risky.")
    assert activated.status_code == 200, activated.text
    decides_by(client, "retail@1")
    declined = decide(client, "books")
    assert (declined["decision"], declined["reasons"][0]["code"]) == (
        "declined",
        "merchant_category_not_allowed",
    )

    assert activate(client, "default@1", "act-2", "They are not.").status_code == 200
    decides_by(client, "default@1")
    assert decide(client, "books-again")["decision"] == "approved"
    assert decide(client, "books") == declined

    book = client.get("/v1/rulesets").json()
    assert (book["active"], book["version"]) == ("default@1", 3)
    history = client.get("/v1/rulesets/retail@1").json()
    assert history["content"]["rules"] == NO_BOOKS["rules"]
    (once,) = history["activations"]
    assert (once["activation_id"], once["reason"]) == ("act-1", "Books are risky.")
    assert once["activated_by"].startswith("test (key_")


def test_the_same_again_changes_nothing(api: RunningApi) -> None:
    """A rule set, an activation and a shadowing sent twice, and with other contents."""
    client = api.client
    assert add(client, NO_BOOKS).status_code == 201
    again = add(client, NO_BOOKS)
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (200, "true")
    other = add(client, {**AT_MOST_10, "version": 1})
    assert (other.status_code, other.json()["type"]) == (409, "id-reused")
    built_in = add(client, {"name": "default", "version": 1, "rules": []})
    assert (built_in.status_code, built_in.json()["type"]) == (409, "id-reused")

    as_it_is = client.get("/v1/rulesets/default@1").json()["content"]
    built_in = add(client, as_it_is)
    assert (built_in.status_code, built_in.headers["Idempotency-Replayed"]) == (200, "true")
    assert built_in.json()["content"] == as_it_is

    first = activate(client, "retail@1", "act-1")
    activate(client, "default@1", "act-2")
    late_copy = activate(client, "retail@1", "act-1")
    assert late_copy.json() == first.json()
    assert late_copy.headers["Idempotency-Replayed"] == "true"
    assert client.get("/v1/rulesets").json()["active"] == "default@1"
    for ruleset_id, reason in (("default@1", "Because."), ("retail@1", "Another reason.")):
        reused = activate(client, ruleset_id, "act-1", reason)
        assert (reused.status_code, reused.json()["type"]) == (409, "id-reused")

    shadowing = {"shadowing_id": "sh-1", "reason": "Try."}
    path = "/v1/rulesets/retail@1/shadowings"
    begun = client.post(path, json=shadowing)
    assert begun.status_code == 200, begun.text
    assert client.post(path, json=shadowing).headers["Idempotency-Replayed"] == "true"
    ended = client.delete(f"{path}/sh-1").json()
    assert ended["ended_at"] is not None
    assert client.delete(f"{path}/sh-1").json() == ended
    activate(client, "retail@1", "act-3")
    late_copy = client.post(path, json=shadowing)
    assert (late_copy.status_code, late_copy.json()) == (200, ended)
    assert late_copy.headers["Idempotency-Replayed"] == "true"
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
def test_what_cannot_be_done_changes_nothing(  # noqa: PLR0913  # one row, one answer
    shared_api: RunningApi, method: str, path: str, body: Any, status: int, kind: str
) -> None:
    """Each gets its own problem, and the rule book stays as it was."""
    client = shared_api.client
    answer = client.request(method, f"/v1/rulesets{path}", json=body)
    assert (answer.status_code, answer.json()["type"]) == (status, kind), answer.text
    assert client.get("/v1/rulesets").json()["version"] == 0


def test_lists_that_contradict_each_other_hold_nobody_up(api: RunningApi) -> None:
    """Each pair of two hundred gives a warning: a hundred are told, and they come at once."""
    lists = [[f"0000-{number:04d}", f"{number + 2:04d}-9999"] for number in range(200)]
    kinds = ("category_allow", "category_deny")
    rules = [{"rule": kinds[number % 2], "categories": list_} for number, list_ in enumerate(lists)]
    added = add(api.client, {"name": "lists", "version": 1, "rules": rules})
    assert added.status_code == 201, added.text
    warnings = added.json()["warnings"]
    assert len(warnings) == 101
    assert warnings[-1] == "There are 9900 more warnings: mend these first."
    assert api.client.get("/v1/rulesets/lists@1").json()["warnings"] == warnings


def test_invalid_rules_are_named_one_by_one(shared_api: RunningApi) -> None:
    """Each with the place that it has in the body."""
    rules = [{"rule": "amount_limit", "max_amount": 0}, {"rule": "velocity_count", "max_count": 3}]
    answer = add(shared_api.client, {"name": "retail", "version": 1, "rules": rules})
    assert [error["pointer"] for error in answer.json()["errors"]] == [
        "/rules/0/max_amount",
        "/rules/1/window_minutes",
    ]


def test_rules_have_scopes_of_their_own(shared_api: RunningApi) -> None:
    """Who may decide may not change what is decided by."""
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
    """Two API processes; one is told, both decide by it within two seconds."""
    with running_api(service_env) as one, running_api(service_env) as two:
        open_account(one.client, "acc", 1_000_000)
        assert decide(two.client, "before")["ruleset"] == "default@1"
        add(one.client, NO_BOOKS)
        activate(one.client, "retail@1", "act-1")
        decides_by(two.client, "retail@1")
        decides_by(one.client, "retail@1")


def test_a_rule_set_of_a_newer_version_is_not_decided_by_another(api: RunningApi) -> None:
    """A process that cannot read what is in force decides nothing, and says so."""
    client = api.client
    open_account(client, "acc", 1_000_000)
    add(client, NO_BOOKS)
    with psycopg.connect(api.env["TXPLATFORM_DATABASE_URL"], autocommit=True) as connection:
        connection.execute(
            "INSERT INTO ruleset_events (version, event_id, event_key, topic, state)"
            " VALUES (2, 'e2', 'phase-of-moon:1', 'moon-rose', '{}')"
        )

    def refused() -> bool:
        answer = client.post("/v1/process-transaction", json=purchase("t", "acc", 1))
        return answer.status_code == 503 and answer.json()["type"] == "store-unavailable"

    wait_until(refused, timeout_s=5, message="decisions to be refused")
    assert "moon-rose" in client.get("/v1/rulesets").json()["detail"]

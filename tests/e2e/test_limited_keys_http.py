"""A key that is limited to accounts, over HTTP: it shows and takes only its own accounts."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from itertools import count
from typing import Any

import httpx
import psycopg
import pytest

from harness.api import ALL_SCOPES, RunningApi, create_key, open_account, purchase
from harness.processes import run_command
from harness.waiting import wait_until

PURCHASES = "/v1/process-transaction"
SCOPES = [scope for scope in ALL_SCOPES if not scope.startswith("rules")]
TOPIC = "payments.payment-submitted.v1"
_numbers = count(1)


class Limited:
    """A client whose key is limited to two accounts, and a third account.

    Attributes:
        own: An account of the key, open.
        unopened: An account of the key that is not open.
        other: An open account that is not the key's; its id is in no response to the client.
    """

    def __init__(self, api: RunningApi, client: httpx.Client, own: str, unopened: str) -> None:
        self.api = api
        self.client = client
        self.own = own
        self.unopened = unopened
        self.other = f"other-{next(_numbers)}-{own}"
        for account_id in (own, self.other):
            open_account(api.client, account_id, 1000)
            api.client.post(PURCHASES, json=purchase("tx", account_id, 1))

    def messages(self, *accounts: str | None, status: str = "parked") -> list[int]:
        """Store an inbound message of each account, and return their ids."""
        with psycopg.connect(self.api.env["TXPLATFORM_DATABASE_URL"]) as connection:
            return [
                connection.execute(
                    "INSERT INTO inbound_messages (cluster_id, topic, topic_id, partition,"
                    ' "offset", withheld, content_hmac, traceparent, account_id, business_key,'
                    " first_status, status, reason, parked_number)"
                    " VALUES ('c', %s, 'id', 0, %s, false, %s, '', %s, 'payment:p', %s, %s, %s,"
                    " CASE WHEN %s = 'parked' THEN nextval('parked_numbers') END) RETURNING id",
                    (TOPIC, next(_numbers), bytes(32), account, status, status, self.own, status),
                ).fetchall()[0][0]
                for account in accounts
            ]


@pytest.fixture
def limited(api: RunningApi, account_id: str) -> Iterator[Limited]:
    """A limited client of the shared API."""
    unopened = f"{account_id}-unopened"
    key = create_key(api.env, *SCOPES, accounts=[account_id, unopened])
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=api.url, headers=headers, timeout=30) as client:
        yield Limited(api, client, account_id, unopened)


def without_trace(answer: httpx.Response) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Return a response without what differs for each request."""
    headers = {name: value for name, value in answer.headers.items() if name != "date"}
    del headers["x-correlation-id"]
    body = answer.json()
    del body["correlation_id"]
    return answer.status_code, headers, body


def test_other_accounts_are_404_in_reads_and_403_in_writes_whether_they_exist_or_not(
    limited: Limited,
) -> None:
    """On every endpoint with an account in its path."""
    paths = limited.api.client.get("/openapi.json").json()["paths"]
    tried = 0
    for path, operations in paths.items():
        if "{account_id}" not in path:
            continue
        for method in operations:
            answers = {}
            for account in (limited.own, limited.other, "no-such-account"):
                filled = path.format(account_id=account, transaction_id="tx")
                body: dict[str, Any] | None = None if method == "get" else {}
                answers[account] = limited.client.request(method.upper(), filled, json=body)
            expected = (
                (404, "/problems/account-not-found")
                if method == "get"
                else (403, "/problems/forbidden")
            )
            own, other, missing = answers.values()
            assert own.status_code == (200 if method == "get" else 422), (method, path)
            assert (other.status_code, other.json()["type"]) == expected, (method, path)
            assert without_trace(other) == without_trace(missing)
            assert limited.other not in other.text
            tried += 1
    assert tried > 10


def test_blanks_around_its_account_do_not_matter(limited: Limited) -> None:
    for account, status in ((limited.own, 200), (limited.other, 404)):
        path = f"/v1/accounts/%20{account}%20/balance"
        assert limited.client.get(path).status_code == status


@pytest.mark.parametrize("query", ["", "?dry_run=true"])
def test_purchases_are_decided_on_its_own_accounts_only(limited: Limited, query: str) -> None:
    """On all ways: the first request looks the key up, the third one has a known head."""
    events = limited.api.client.get(f"/v1/accounts/{limited.other}/events").json()
    for number in range(4):
        for account, status in ((limited.own, 200), (limited.other, 403)):
            body = purchase(f"t-{number}", account, 1)
            for _ in range(2):
                answer = limited.client.post(PURCHASES + query, json=body)
                assert answer.status_code == status, answer.text
    assert limited.api.client.get(f"/v1/accounts/{limited.other}/events").json() == events


def test_it_opens_only_its_own_account(limited: Limited) -> None:
    body = {"currency": "USD", "credit_limit": 5}
    for account, status in (
        (limited.unopened, 201),
        (limited.other, 403),
        (f"{limited.other}-new", 403),
    ):
        answer = limited.client.post("/v1/accounts", json={"account_id": account, **body})
        assert answer.status_code == status
    path = f"/v1/accounts/{limited.other}-new/balance"
    assert limited.api.client.get(path).status_code == 404


def test_a_batch_posts_only_the_items_of_its_accounts(limited: Limited) -> None:
    items = [
        {
            "account_id": account,
            "transaction_id": "tx",
            "clearing_id": f"c-{account}",
            "amount": 1,
            "currency": "USD",
        }
        for account in (limited.other, limited.own)
    ]
    answer = limited.client.post("/v1/clearings", json={"items": items}).json()
    bad, clean = answer["items"]
    assert (bad["result"], bad["reason"], bad["field"]) == ("bad", "forbidden", "account_id")
    assert clean["result"] == "clean"
    found = limited.api.client.get(f"/v1/accounts/{limited.other}/postings").json()
    assert found["items"] == []


def test_the_log_has_only_events_of_its_accounts_in_pages_and_as_a_stream(limited: Limited) -> None:
    """Events of others before, between and after do not matter, nor does the size of a page."""
    open_account(limited.client, limited.unopened, 1000)
    for number in range(5):
        for account in (limited.own, limited.other, limited.unopened):
            limited.api.client.post(PURCHASES, json=purchase(f"n-{number}", account, 1))
    whole: list[dict[str, Any]] = []
    pages: dict[int, list[dict[str, Any]]] = {}
    for account in (limited.own, limited.unopened):
        whole += limited.api.client.get(f"/v1/accounts/{account}/events").json()["items"]
    for size in (1, 3, 1000):
        pages[size], cursor = [], None
        while True:
            params = {"limit": size} | ({} if cursor is None else {"cursor": cursor})
            page = limited.client.get("/v1/events", params=params).json()
            cursor = page["next_cursor"]
            if not page["items"]:
                break
            pages[size] += page["items"]
    assert pages[1] == pages[3] == pages[1000]
    assert len(whole) == 3 + 2 * 5
    key = "event_id"
    assert sorted(each[key] for each in whole) == sorted(each[key] for each in pages[1])

    with limited.client.stream("GET", f"/v1/events/stream?cursor={cursor}") as stream:
        for account in (limited.other, limited.own):
            limited.api.client.post(PURCHASES, json=purchase("live", account, 1))
        data = next(line for line in stream.iter_lines() if line.startswith("data: "))
    assert json.loads(data.removeprefix("data: "))["account_id"] == limited.own


def test_the_inbox_shows_only_messages_of_its_accounts(limited: Limited) -> None:
    others = [limited.other, None, *[limited.other] * 3]
    limited.messages(*others)
    own = limited.messages(limited.own, limited.unopened, limited.own)
    limited.messages(*others)

    def listed(**filters: str | int) -> list[int]:
        found: list[int] = []
        cursor: dict[str, str] = {}
        while True:
            answer = limited.client.get("/v1/inbound-messages", params={**filters, **cursor})
            assert answer.status_code == 200, answer.text
            page = answer.json()
            if not page["items"]:
                return found
            found += [each["id"] for each in page["items"]]
            cursor = {"cursor": page["next_cursor"]}

    assert listed() == listed(limit=1) == listed(limit=2) == own
    assert listed(topic=TOPIC) == listed(status="parked") == listed(business_id="p") == own
    assert listed(account_id=limited.own) == listed(account_id=limited.own, business_id="p")
    assert listed(account_id=limited.own) == [own[0], own[2]]
    assert listed(account_id=limited.other) == listed(status="applied") == []
    assert listed(account_id=limited.other, business_id="p") == []


@pytest.mark.parametrize("action", ["retries", "discards"])
def test_it_resolves_only_messages_of_its_accounts(limited: Limited, action: str) -> None:
    ids = limited.messages(limited.own, limited.other, None)
    # The retry finds no contents, so it is refused for a reason of the message.
    statuses = {"retries": [409, 403, 403], "discards": [200, 403, 403]}[action]
    for message_id, status in zip([*ids, 2**60], [*statuses, 404], strict=True):
        path = f"/v1/inbound-messages/{message_id}/{action}"
        body = None if action == "retries" else {"reason": "Sent in error."}
        answer = limited.client.post(path, json=body)
        assert answer.status_code == status, answer.text
        assert limited.other not in answer.text


def test_a_bulk_retry_takes_only_messages_of_its_accounts(limited: Limited) -> None:
    """Messages without contents stay parked."""
    limited.messages(limited.other, limited.own, None, limited.unopened)
    body = {"topic": TOPIC, "reason": limited.own}
    answer = limited.client.post("/v1/inbound-messages/retries", json=body)
    assert answer.json() == {"settled": 0, "parked": 2, "next_after_id": None}


def test_calls_that_concern_all_accounts_are_refused(api: RunningApi, account_id: str) -> None:
    """Even if the key has the scope, which `keys create` does not give it."""
    key = create_key(api.env, *ALL_SCOPES, accounts=[account_id])
    headers = {"Authorization": f"Bearer {key}"}
    paths = api.client.get("/openapi.json").json()["paths"]
    names = {"ruleset_id": "default@1", "shadowing_id": "s"}
    tried = 0
    for path, operations in paths.items():
        if not path.startswith("/v1/rulesets"):
            continue
        for method in operations:
            answer = httpx.request(method.upper(), api.url + path.format(**names), headers=headers)
            assert (answer.status_code, answer.json()["type"]) == (403, "/problems/forbidden"), path
            tried += 1
    assert tried == 8
    assert httpx.get(f"{api.url}/v1/currencies", headers=headers).status_code == 200


def test_unknown_expired_and_revoked_keys_get_the_same_response(api: RunningApi) -> None:
    """Otherwise a stranger could find out which keys once existed."""
    unknown, expired, revoked = (
        create_key(api.env, "accounts:read", accounts=accounts) for accounts in ([], [], ["acc-1"])
    )
    unknown = unknown[:-4] + "AAAA"
    with psycopg.connect(api.env["TXPLATFORM_DATABASE_URL"]) as connection:
        (newest, before) = connection.execute(
            "SELECT id FROM api_keys ORDER BY created_at DESC LIMIT 2"
        ).fetchall()
    assert run_command("keys", "revoke", newest[0], env=api.env)[0] == 0
    owner = api.env["TXPLATFORM_DATABASE_URL"].replace("txplatform_service_login@", "postgres@")
    with psycopg.connect(owner) as connection:
        connection.execute("UPDATE api_keys SET expires_at = '2020-01-01' WHERE id = %s", before)
    answers = [
        httpx.get(
            f"{api.url}/v1/accounts/acc-1/balance", headers={"Authorization": f"Bearer {key}"}
        )
        for key in (unknown, expired, revoked)
    ]
    first = without_trace(answers[0])
    assert first[0] == 401
    assert [without_trace(answer) for answer in answers] == [first] * 3
    log = api.command.stderr
    for reason, answer in zip(("unknown", "expired", "revoked"), answers, strict=True):
        trace = answer.headers["X-Correlation-Id"]
        (line,) = [each for each in log.splitlines() if trace in each]
        assert f"reason={reason}" in line
        assert ("key_id=" in line) == (reason != "unknown")
    metrics = httpx.get(f"{api.url}/metrics").text
    for reason in ("unknown", "expired", "revoked"):
        assert f'txplatform_http_refused_keys_total{{reason="{reason}"}}' in metrics


def test_a_key_is_replaced_without_a_refused_request(api: RunningApi, account_id: str) -> None:
    """The steps of docs/operations.md: create, switch, look at the last use, revoke."""

    def keys() -> dict[str, dict[str, Any]]:
        listed = json.loads(run_command("keys", "list", "--json", env=api.env)[1])
        return {key["id"]: key for key in listed}

    def created(name: str) -> dict[str, Any]:
        words = ("--name", name, "--scope", "transactions:write", "--account", account_id)
        code, out, err = run_command("keys", "create", *words, "--json", env=api.env)
        assert code == 0, err
        key: dict[str, Any] = json.loads(out)
        assert key["accounts"] == [account_id]
        return key

    open_account(api.client, account_id, 1_000_000)
    old, new = created("shop 1"), created("shop 2")
    used, stop = old["key"], threading.Event()
    statuses: list[int] = []

    def buy() -> None:
        with httpx.Client(base_url=api.url) as client:
            while not stop.is_set():
                headers = {"Authorization": f"Bearer {used}"}
                body = purchase(f"t-{len(statuses)}", account_id, 1)
                statuses.append(client.post(PURCHASES, json=body, headers=headers).status_code)

    buying = threading.Thread(target=buy)
    buying.start()
    try:
        wait_until(lambda: keys()[old["id"]]["last_used_at"] is not None, message="the first use")
        assert keys()[new["id"]]["last_used_at"] is None
        used = new["key"]
        wait_until(lambda: keys()[new["id"]]["last_used_at"] is not None, message="the switch")
        assert run_command("keys", "revoke", old["id"], env=api.env)[0] == 0
        wait_until(
            lambda: (
                httpx.post(
                    f"{api.url}{PURCHASES}", headers={"Authorization": f"Bearer {old['key']}"}
                ).status_code
                == 401
            ),
            timeout_s=5,
            message="the revoked key to be refused",
        )
        served = len(statuses)
        wait_until(lambda: len(statuses) > served + 3, message="more purchases")
    finally:
        stop.set()
        buying.join()
    assert set(statuses) == {200}

"""The HTTP rules of the notifications service."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest

URL = "https://93.184.216.34/hook"
PATH = "/v1/subscriptions"


def new_subscription(**other: Any) -> dict[str, Any]:
    """Return a request for webhooks about purchases."""
    return {
        "subscription_id": f"sub-{uuid4()}",
        "url": URL,
        "topics": ["transactions.transaction-decisioned.v1"],
        **other,
    }


def test_a_subscription_gets_its_secret_once_and_a_repeat_gets_the_first_response(
    notifications: httpx.Client,
) -> None:
    wanted = new_subscription()
    first = notifications.post(PATH, json=wanted)
    assert first.status_code == 201
    assert first.json()["secret"].startswith("whsec_")
    again = notifications.post(PATH, json=wanted)
    assert (again.status_code, again.json()) == (200, first.json())
    assert again.headers["Idempotency-Replayed"] == "true"
    listed = notifications.get(PATH)
    assert wanted["subscription_id"] in [each["subscription_id"] for each in listed.json()["items"]]
    assert first.json()["secret"] not in listed.text


def test_a_subscription_without_id_and_topics_gets_an_id_and_all_topics(
    notifications: httpx.Client,
) -> None:
    created = notifications.post(PATH, json={"url": URL}).json()
    assert created["subscription_id"]
    assert len(created["topics"]) == 9


@pytest.mark.parametrize(
    "other", [{"url": f"{URL}/2"}, {"topics": ["transactions.hold-expired.v1"]}]
)
def test_an_id_that_is_used_with_other_content_is_a_conflict(
    notifications: httpx.Client, other: dict[str, Any]
) -> None:
    wanted = new_subscription()
    notifications.post(PATH, json=wanted)
    response = notifications.post(PATH, json={**wanted, **other})
    assert (response.status_code, response.json()["type"]) == (409, "/problems/id-reused")
    assert [each["pointer"] for each in response.json()["errors"]] == [f"/{next(iter(other))}"]


@pytest.mark.parametrize(
    ("other", "type_", "pointer"),
    [
        ({"url": "https://localhost/hook"}, "webhook-refused", "/url"),
        ({"url": "http://93.184.216.34/hook"}, "webhook-refused", "/url"),
        ({"url": "https://[::1/"}, "validation", "/url"),
        ({"url": "https://a:b/"}, "validation", "/url"),
        ({"topics": []}, "validation", "/topics"),
        ({"topics": ["accounts.account-opened.v1"]}, "validation", "/topics"),
        ({"topics": "all"}, "validation", "/topics"),
        ({"colour": "red"}, "validation", "/colour"),
    ],
)
def test_a_subscription_with_an_invalid_field_names_the_field_and_is_not_made(
    notifications: httpx.Client, other: dict[str, Any], type_: str, pointer: str
) -> None:
    wanted = new_subscription(**other)
    response = notifications.post(PATH, json=wanted)
    assert (response.status_code, response.json()["type"]) == (422, f"/problems/{type_}")
    assert [each["pointer"] for each in response.json()["errors"]] == [pointer]
    assert wanted["subscription_id"] not in notifications.get(PATH).text


def test_a_subscription_is_deleted_once(notifications: httpx.Client) -> None:
    wanted = new_subscription()
    notifications.post(PATH, json=wanted)
    path = f"{PATH}/{wanted['subscription_id']}"
    assert notifications.delete(path).status_code == 204
    assert notifications.delete(path).json()["type"] == "/problems/subscription-not-found"


def test_an_unknown_delivery_is_not_found(notifications: httpx.Client) -> None:
    response = notifications.post("/v1/deliveries/1/retry")
    assert (response.status_code, response.json()["type"]) == (404, "/problems/delivery-not-found")
    too_large = notifications.post(f"/v1/deliveries/{2**63}/retry")
    assert too_large.status_code == 422


@pytest.mark.parametrize(
    ("url", "type_"),
    [
        ("https://example.com:99999999999999999999", "webhook-refused"),
        ("https://93.184.216.34:99999/", "webhook-refused"),
        ("https://93.184.216.34:0/", "webhook-refused"),
        ("https://93.184.216.34:x/", "validation"),
        ("https://[::1", "validation"),
        ("https://", "webhook-refused"),
        ("https://:443/", "webhook-refused"),
        ("https://user:password@93.184.216.34/", "webhook-refused"),
        ("https://xn--a/", "webhook-refused"),
        (f"https://{'a' * 64}.com/", "webhook-refused"),
        (f"https://{'ä' * 64}.com/", "validation"),
        ("https://a..b/", "webhook-refused"),
        ("https://localhost./", "webhook-refused"),
        ("https://%6cocalhost/", "webhook-refused"),
        ("https://a\u2028b/", "validation"),
    ],
)
def test_a_url_that_webhooks_cannot_be_sent_to_is_refused_and_not_repeated(
    notifications: httpx.Client, url: str, type_: str
) -> None:
    response = notifications.post(PATH, json=new_subscription(url=url))
    assert (response.status_code, response.json()["type"]) == (422, f"/problems/{type_}")
    assert [each["pointer"] for each in response.json()["errors"]] == ["/url"]
    assert "password" not in response.json()["detail"].replace("user name or password", "")

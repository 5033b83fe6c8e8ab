"""Webhooks go to public addresses only."""

from __future__ import annotations

import httpx
import pytest

from txbank.notifications.webhook_address import WebhookRefusedError, checked_address, is_public


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "127.9.9.9",
        "169.254.169.254",
        "172.16.0.1",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.1",
        "239.255.255.250",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:10.0.0.1",
        "::ffff:8.8.8.8",
        "64:ff9b::a00:1",
        "2001:0:1::1",
        "2001:db8::1",
        "2002:a00:1::1",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1",
        "fe80::1%1",
        "ff02::1",
    ],
)
def test_an_address_that_is_not_of_one_public_host_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2606:4700:4700::1111"])
def test_a_public_address_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "https://localhost/",
        "https://127.0.0.1/",
        "https://0x7f.1/",
        "https://2130706433/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://10.0.0.1:8443/",
        "http://93.184.216.34/",
        "ftp://93.184.216.34/",
        "//93.184.216.34/",
        "/hook",
        "https:///hook",
        "https://user:secret@93.184.216.34/",
        "https://no-such-host.invalid/",
    ],
)
def test_a_webhook_to_any_other_place_is_refused(url: str) -> None:
    with pytest.raises(WebhookRefusedError) as refused:
        checked_address(httpx.URL(url), internal_allowed=False)
    assert refused.value.why


def test_a_host_with_one_internal_address_among_others_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    both = [(2, 1, 6, "", (address, 443)) for address in ("93.184.216.34", "10.0.0.1")]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: both)
    with pytest.raises(WebhookRefusedError):
        checked_address(httpx.URL("https://example.com/"), internal_allowed=False)


def test_a_setting_allows_the_own_network_and_plain_http() -> None:
    url = httpx.URL("http://localhost:9/")
    assert checked_address(url, internal_allowed=True) in {"127.0.0.1", "::1"}

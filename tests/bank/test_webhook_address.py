"""Webhooks go to public addresses only."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from harness.receiver import Receiver
from txbank.notifications.deliverer import Claimed, RefusedError
from txbank.notifications.subscription import NewSubscription
from txbank.notifications.webhook_address import WebhookRefusedError, checked_address, is_public
from txbank.notifications.webhooks import Webhooks


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
        "https://93.184.216.34:0/",
        "https://93.184.216.34:65536/",
        "https://93.184.216.34:99999999999999999999/",
        f"https://{'a' * 64}.com/",
        "https://example..com/",
        "https://./",
        "https://localhost./",
        "https://%6cocalhost/",
        "https://127.0.0.1%00.example.com/",
        "https://xn--a/",
        "https://xn--/",
        "https://user@93.184.216.34/",
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


@pytest.fixture
def without_name_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let only addresses be resolved, by the same function as always."""
    resolve = socket.getaddrinfo
    monkeypatch.setattr(
        "socket.getaddrinfo",
        lambda host, port, **_: resolve(host, port, flags=socket.AI_NUMERICHOST),
    )


HOSTS = st.text(max_size=70) | st.text(alphabet="a.-:%@[]0123456789xn/\\", max_size=30)
PORTS = (
    st.just("") | st.integers(-1, 2**80).map(":{}".format) | st.text(max_size=6).map(":{}".format)
)


@pytest.mark.usefixtures("without_name_server")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(host=HOSTS, port=PORTS, path=st.text(max_size=20))
@example(host="example.com", port=":99999999999999999999", path="")
@example(host="[::1", port="", path="")
@example(host="xn--a", port="", path="")
@example(host="\ud800", port="", path="")
@example(host=f"{'a' * 64}.com", port="", path="")
@example(host="例" * 70, port="", path="")
def test_any_url_is_taken_or_refused(host: str, port: str, path: str) -> None:
    """The function of the machine is called, so that what it refuses is tried as well."""
    try:
        url = httpx.URL(NewSubscription(url=f"https://{host}{port}{path}").url)
        address = checked_address(url, internal_allowed=False)
    except (ValidationError, WebhookRefusedError):
        return
    assert is_public(address)
    assert httpx.URL(str(url)) == url


class NameServer:
    """Resolves each host to this machine, except that some get no response until the end."""

    def __init__(self) -> None:
        self.responds = threading.Event()
        self.asked: list[str] = []

    def getaddrinfo(self, host: str, port: int, **_: Any) -> list[Any]:
        """Resolve a host."""
        self.asked.append(host)
        if host.startswith("silent"):
            self.responds.wait()
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]


@pytest.fixture
def name_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[NameServer]:
    """A name server that this process asks."""
    server = NameServer()
    monkeypatch.setattr("socket.getaddrinfo", server.getaddrinfo)
    yield server
    server.responds.set()


def claimed(url: str) -> Claimed:
    """Return a delivery to a subscriber."""
    return Claimed(1, "sub", "event", "topic", "acc", b"{}", "", url, f"whsec_{'a' * 32}")


def test_hosts_without_a_name_server_that_responds_hold_up_no_other(
    name_server: NameServer,
) -> None:
    webhooks = Webhooks(internal_allowed=True)

    async def send_all(port: int) -> None:
        async with webhooks.new_client() as http:
            silent = [
                asyncio.create_task(
                    webhooks.send(http, claimed(f"http://silent-{number % 50}.example:{port}/"))
                )
                for number in range(200)
            ]
            for _ in range(3):
                await webhooks.send(http, claimed(f"http://healthy.example:{port}/"))
            assert not any(each.done() for each in silent)
            for each in silent:
                each.cancel()
            await asyncio.wait(silent)

    with Receiver() as receiver:
        asyncio.run(send_all(int(receiver.url.rpartition(":")[2])))
        assert len(receiver.requests) == 3
    assert name_server.asked.count("healthy.example") == 3
    assert name_server.asked.count("silent-1.example") == 1


def test_a_host_that_cannot_be_resolved_refuses_each_webhook(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr("socket.getaddrinfo", fail)
    webhooks = Webhooks(internal_allowed=True)

    async def send_two() -> list[BaseException | None]:
        async with webhooks.new_client() as http:
            sends = (webhooks.send(http, claimed("http://none.example/")) for _ in range(2))
            return await asyncio.gather(*sends, return_exceptions=True)

    assert [type(each) for each in asyncio.run(send_two())] == [RefusedError, RefusedError]

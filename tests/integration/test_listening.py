"""Ports for probes and metrics are reachable by IPv4 and IPv6."""

from __future__ import annotations

import socket
from contextlib import ExitStack

import httpx
import pytest

from harness.api import running_api
from harness.postgres import TestDatabase
from harness.processes import run_command
from txplatform.demo.processes import free_port
from txplatform.listening import ANY, CannotListenError, Page, listen, serve_pages


def _page(path: str) -> Page:
    return Page(200, path.encode(), "text/plain")


@pytest.mark.parametrize(
    ("host", "reached"),
    [(ANY, ("127.0.0.1", "[::1]")), ("0.0.0.0", ("127.0.0.1",)), ("::1", ("[::1]",))],
)
def test_a_port_answers_on_the_addresses_of_its_host(host: str, reached: tuple[str, ...]) -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    listening = listen(host, 0, "")
    stop = serve_pages(listening, _page)
    port = listening.getsockname()[1]
    for address in ("127.0.0.1", "[::1]"):
        if address in reached:
            assert httpx.get(f"http://{address}:{port}/livez").text == "/livez"
        else:
            with pytest.raises(httpx.ConnectError):
                httpx.get(f"http://{address}:{port}/livez")
    stop()


def test_clients_that_send_nothing_hold_up_no_probe() -> None:
    """More of them than there are threads: each is left after a time."""
    listening = listen("127.0.0.1", 0, "")
    stop = serve_pages(listening, _page)
    address = listening.getsockname()
    with ExitStack() as stack:
        for _ in range(8):
            stack.enter_context(socket.create_connection(address))
        assert httpx.get(f"http://127.0.0.1:{address[1]}/livez", timeout=30).text == "/livez"
    stop()


def test_without_ipv6_every_address_is_one_of_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: False)
    with listen(ANY, 0, "") as listening:
        assert listening.family is socket.AF_INET


def test_a_port_in_use_is_an_error_in_words(database: TestDatabase) -> None:
    with listen(ANY, 0, "") as first:
        port = first.getsockname()[1]
        with pytest.raises(CannotListenError, match="in use"):
            listen(ANY, port, "THE_PORT")
        env = {
            "TXPLATFORM_DATABASE_URL": database.service_url,
            "TXPLATFORM_HEALTH_PORT": str(port),
        }
        code, _, err = run_command("project", env=env)
    assert code == 1
    assert "Set TXPLATFORM_HEALTH_HOST and TXPLATFORM_HEALTH_PORT" in err
    assert "Traceback" not in err


@pytest.mark.long
def test_an_idle_connection_is_closed_after_the_configured_time(
    service_env: dict[str, str],
) -> None:
    port = free_port()
    request = b"GET /livez HTTP/1.1\r\nHost: api\r\n\r\n"
    with (
        running_api(service_env, TXPLATFORM_API_PORT=str(port), TXPLATFORM_API_KEEP_ALIVE_S="1"),
        socket.create_connection(("127.0.0.1", port), timeout=30) as client,
    ):
        client.sendall(request)
        received = b"".join(iter(lambda: client.recv(65_536), b""))
        assert received.startswith(b"HTTP/1.1 200")

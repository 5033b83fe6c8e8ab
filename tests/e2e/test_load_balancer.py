"""deploy/haproxy.cfg in front of two API processes."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from harness.api import RunningApi, balance, open_account, purchase, running_api
from harness.debian import program
from harness.postgres import PostgresServer
from harness.waiting import wait_until
from txplatform.demo.processes import free_port

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "haproxy.cfg"


@contextmanager
def haproxy(folder: Path, *apis: RunningApi) -> Iterator[str]:
    """Run HAProxy with the configuration, but free ports, until both APIs are up; yield its URL."""
    port = free_port()
    text = CONFIGURATION.read_text().replace("bind :8000", f"bind 127.0.0.1:{port}")
    for given, api in zip(("127.0.0.1:8001", "127.0.0.1:8002"), apis, strict=True):
        assert given in text
        text = text.replace(given, urlsplit(api.url).netloc)
    file, statistics = folder / "haproxy.cfg", free_port()
    file.write_text(
        f"{text}\nfrontend statistics\n    bind 127.0.0.1:{statistics}\n    stats enable\n"
    )
    with subprocess.Popen([program("haproxy"), "-db", "-f", str(file)]) as process:
        try:
            wait_until(lambda: _up(statistics) == len(apis), message="HAProxy")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _up(port: int) -> int:
    """Return how many servers HAProxy has found ready."""
    try:
        table = httpx.get(f"http://127.0.0.1:{port}/haproxy?stats;csv").text
    except httpx.TransportError:
        return 0
    return sum(line.startswith("apis,api") and ",UP," in line for line in table.splitlines())


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/accounts/acc/balance", 200),
        ("/openapi.json", 200),
        ("/docs", 200),
        *(
            (path, 404)
            for path in ("/", "/livez", "/readyz", "/metrics", "/%6detrics", "//metrics")
        ),
        *((path, 404) for path in ("/v1/../metrics", "/v1/%2e%2e/metrics", "/docs/../metrics")),
    ],
)
def test_only_calls_and_documents_are_forwarded(
    proxied: tuple[str, RunningApi], path: str, status: int
) -> None:
    url, api = proxied
    with httpx.Client(headers=api.client.headers) as client:
        request = client.build_request("GET", url)
        request.url = request.url.copy_with(raw_path=path.encode())  # as it is written
        assert client.send(request).status_code == status


@pytest.fixture(scope="module")
def proxied(
    postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, RunningApi]]:
    """The URL of HAProxy before an API, and the API."""
    database = postgres.new_database()
    with running_api({"TXPLATFORM_DATABASE_URL": database.service_url}) as api:
        open_account(api.client, "acc", 1000)
        with haproxy(tmp_path_factory.mktemp("haproxy"), api, api) as url:
            yield url, api
    postgres.drop(database)


@pytest.mark.long
def test_no_caller_notices_that_each_api_is_restarted(
    service_env: dict[str, str], tmp_path: Path
) -> None:
    """Callers keep their connections, and retry nothing."""
    ended = threading.Event()
    with running_api(service_env) as one, running_api(service_env) as two:
        open_account(one.client, "acc", 1_000_000)

        def shop(number: int) -> list[int]:
            """Send purchases of 1 until the end; return the statuses."""
            statuses: list[int] = []
            with httpx.Client(base_url=url, headers=one.client.headers, timeout=30) as client:
                while not ended.is_set():
                    asked = purchase(f"t-{number}-{len(statuses)}", "acc", 1)
                    response = client.post("/v1/process-transaction", json=asked)
                    statuses.append(response.status_code)
            return statuses

        with haproxy(tmp_path, one, two) as url, ThreadPoolExecutor(6) as shops:
            running = [shops.submit(shop, number) for number in range(6)]
            try:
                for api in (one, two) * 2:
                    spent = balance(two.client if api is one else one.client, "acc")["pending"]
                    assert api.command.stop() == 0
                    other = two if api is one else one
                    wait_until(
                        lambda other=other, spent=spent: (  # type: ignore[misc]
                            balance(other.client, "acc")["pending"] > spent + 50
                        ),
                        message="purchases",
                    )
                    api.command.start()
                    api.command.wait_ready()
            finally:
                ended.set()
            statuses = [status for each in running for status in each.result()]
        assert set(statuses) == {200}
        assert balance(one.client, "acc")["pending"] == len(statuses)

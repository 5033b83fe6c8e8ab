"""The API by TLS: real handshakes, and certificates that are renewed while it runs."""

from __future__ import annotations

import shutil
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import yaml

from harness.api import RunningApi, open_account, purchase, running_api
from harness.certificates import Authority, Pair, new_authority
from harness.containers import IMAGE_PORT, ROOT, healthy
from harness.processes import run_command
from harness.waiting import wait_until
from txplatform.demo.processes import free_port
from txplatform_client import Client

OPERATIONS = ROOT / "docs" / "operations.md"
NOT_USED = "cannot use the new certificate"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority that callers trust."""
    return new_authority(tmp_path_factory.mktemp("tls") / "authority")


@pytest.fixture(scope="module")
def first(authority: Authority) -> Pair:
    """The certificate with which the API starts."""
    return authority.issue("first")


@pytest.fixture(scope="module")
def second(authority: Authority) -> Pair:
    """The certificate that takes its place."""
    return authority.issue("second")


@pytest.fixture
def files(tmp_path: Path, first: Pair) -> Pair:
    """The files that the API reads, which tests replace."""
    files = Pair(tmp_path / "tls.crt", tmp_path / "tls.key")
    replace(files, first)
    return files


def replace(files: Pair, pair: Pair) -> None:
    """Write another pair into the files, one after the other, each at once."""
    for target, source in zip(files, pair, strict=True):
        shutil.copy(source, f"{target}.new")
        Path(f"{target}.new").rename(target)


def settings_of(files: Pair) -> dict[str, str]:
    """Return the settings that name the files."""
    return {
        "TXPLATFORM_API_TLS_CERTIFICATE_FILE": str(files.certificate),
        "TXPLATFORM_API_TLS_KEY_FILE": str(files.key),
    }


@contextmanager
def running_tls(
    service_env: dict[str, str], authority: Authority, files: Pair, **more: str
) -> Iterator[RunningApi]:
    """Run the API by TLS."""
    settings = {**settings_of(files), **more}
    with running_api(service_env, authority=authority.certificate, **settings) as api:
        yield api


def shown(api: RunningApi, authority: Authority) -> str:
    """Return the certificate that a new connection gets, in PEM."""
    context = ssl.create_default_context(cafile=authority.certificate)
    context.check_hostname = False
    address = ("127.0.0.1", int(api.url.rpartition(":")[2]))
    # Without a server name, as probes of Kubernetes connect.
    with (
        socket.create_connection(address, 30) as plain,
        context.wrap_socket(plain) as connection,
    ):
        certificate = connection.getpeercert(binary_form=True)
        assert certificate is not None
        return ssl.DER_cert_to_PEM_cert(certificate)


def test_a_renewed_certificate_is_used_and_a_broken_one_is_not(
    service_env: dict[str, str], authority: Authority, files: Pair, first: Pair, second: Pair
) -> None:
    """No connection is lost: the client's one connection is used all the time."""
    with running_tls(service_env, authority, files) as api:
        assert f"ready: {api.url}" in api.command.stderr
        open_account(api.client, "acc-1", 1000)
        pool = api.client._transport._pool  # type: ignore[attr-defined]  # noqa: SLF001
        (connection,) = pool.connections
        replace(files, Pair(first.certificate, second.key))
        wait_until(lambda: NOT_USED in api.command.stderr, message="the broken pair to be seen")
        assert "The key does not belong to the certificate." in api.command.stderr
        assert shown(api, authority) == first.certificate.read_text()
        replace(files, second)
        wait_until(
            lambda: shown(api, authority) == second.certificate.read_text(),
            message="the new certificate",
        )
        assert api.command.stderr.count("certificate renewed") == 1
        decided = api.client.post("/v1/process-transaction", json=purchase("t", "acc-1", 10))
        assert decided.json()["decision"] == "approved"
        assert pool.connections == [connection]
        files.key.unlink()
        lost = f"{files.key}: No such file or directory."
        wait_until(lambda: lost in api.command.stderr, message="the loss to be seen")
        assert shown(api, authority) == second.certificate.read_text()
        assert api.client.get("/readyz").status_code == 200
        assert api.command.stop() == 0
        assert "timeout" not in api.command.stderr  # the client does not confirm that TLS ends


@pytest.mark.long
def test_every_process_renews_its_certificate(
    service_env: dict[str, str], authority: Authority, files: Pair, first: Pair, second: Pair
) -> None:
    with running_tls(service_env, authority, files, TXPLATFORM_API_PROCESSES="2") as api:
        assert shown(api, authority) == first.certificate.read_text()
        replace(files, second)
        wait_until(lambda: api.command.stderr.count("certificate renewed") == 2)
        assert {shown(api, authority) for _ in range(20)} == {second.certificate.read_text()}


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
def test_a_caller_without_tls_or_with_an_old_version_is_refused(
    service_env: dict[str, str], authority: Authority, files: Pair
) -> None:
    with running_tls(service_env, authority, files) as api:
        with pytest.raises(httpx.TransportError):
            httpx.get(api.url.replace("https", "http") + "/livez", timeout=30)
        with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
            httpx.get(f"{api.url}/livez", timeout=30)  # trusts only public authorities
        context = ssl.create_default_context(cafile=authority.certificate)
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context.minimum_version = context.maximum_version = version
            assert httpx.get(f"{api.url}/livez", verify=context, timeout=30).status_code == 200
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{api.url}/livez", verify=context, timeout=30)


@pytest.mark.long
def test_a_client_that_does_not_begin_its_handshake_is_dropped(
    service_env: dict[str, str], authority: Authority, files: Pair
) -> None:
    with running_tls(service_env, authority, files) as api:
        address = ("127.0.0.1", int(api.url.rpartition(":")[2]))
        with socket.create_connection(address, timeout=45) as silent:  # less than uvloop's default
            assert silent.recv(1) == b""


@pytest.mark.long
def test_the_python_client_trusts_the_authority_in_the_environment(
    service_env: dict[str, str],
    authority: Authority,
    files: Pair,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    with running_tls(service_env, authority, files) as api, Client(api.url, api.key) as client:
        open_account(api.client, "acc-1", 1000)
        assert client.read_balance("acc-1").available == 1000


@pytest.mark.long
def test_the_health_check_for_docker_asks_by_tls(
    service_env: dict[str, str], authority: Authority, files: Pair
) -> None:
    text = OPERATIONS.read_text()
    block = text[text.index("healthcheck:\n") :].split("```")[0]
    _, *command = yaml.safe_load(block)["healthcheck"]["test"]
    with running_tls(service_env, authority, files) as api:
        port = api.url.rpartition(":")[2]
        assert healthy(command, (IMAGE_PORT, port))
        api.command.stop()
        assert not healthy(command, (IMAGE_PORT, port))


def test_a_certificate_that_cannot_be_used_stops_the_start(
    service_env: dict[str, str], first: Pair, second: Pair
) -> None:
    mixed = Pair(first.certificate, second.key)
    env = {**service_env, **settings_of(mixed), "TXPLATFORM_API_PORT": str(free_port())}
    code, out, err = run_command("api", env=env)
    assert (code, out) == (1, "")
    assert err == (
        "txplatform api: The TLS certificate of the API cannot be used. The key does not belong to "
        "the certificate. Check the files that TXPLATFORM_API_TLS_CERTIFICATE_FILE and "
        "TXPLATFORM_API_TLS_KEY_FILE name.\n"
    )

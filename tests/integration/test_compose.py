"""Checks docker-compose.yml and the Dockerfile without a container engine."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from harness.containers import (
    IMAGE_PORT,
    ROOT,
    healthy,
    image_environment,
    image_health_check,
)
from harness.containers import (
    compose as parsed_compose,
)
from harness.kafka import Broker, LentBroker
from txbank.commands import SERVICES
from txbank.settings import CommonSettings
from txplatform.cli import COMMANDS
from txplatform.listening import ANY
from txplatform.settings import Settings

BIN = str(Path(sys.executable).parent)
OURS = {"migrate", "topics", "api", "consumer", "publisher", "projector"}
TASKS = {"migrate", "topics", "bank-migrate", "bank-keys"}
"""The services that end."""


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """The parsed file, with its anchors resolved."""
    return parsed_compose()


def test_every_image_is_pinned(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        _, _, tag = service["image"].partition(":")
        assert tag
        assert tag != "latest"


def test_our_services_use_existing_commands_and_settings(compose: dict[str, Any]) -> None:
    known = {f"TXPLATFORM_{name.upper()}" for name in Settings.model_fields}
    for name in OURS:
        service = compose["services"][name]
        assert service["command"][0] in COMMANDS
        assert set(service["environment"]) <= known


def test_the_banks_services_use_existing_commands_and_settings(compose: dict[str, Any]) -> None:
    known = {f"TXBANK_{name.upper()}" for name in CommonSettings.model_fields}
    for name, kind in SERVICES.items():
        service = compose["services"][f"bank-{name}"]
        assert service["entrypoint"] == ["txbank"]
        assert service["command"] == [name]
        own = {f"TXBANK_{name}_{field}".upper() for field in kind.settings.model_fields}
        assert set(service["environment"]) <= known | own | {"TXBANK_SECRETS_DIR"}


def test_each_service_of_the_bank_has_a_database_of_its_own(compose: dict[str, Any]) -> None:
    roles = (ROOT / "deploy/postgres-init.sql").read_text()
    migrated = compose["services"]["bank-migrate"]["environment"]
    for name in SERVICES:
        setting = f"TXBANK_{name.upper()}_DATABASE_URL"
        url = compose["services"][f"bank-{name}"]["environment"][setting]
        assert migrated[setting] == url
        owner = f"txbank_{name}"
        assert url == f"postgresql://{owner}:{owner}@postgres:5432/{owner}"
        assert f"CREATE ROLE {owner} LOGIN PASSWORD '{owner}';" in roles
        assert f"CREATE DATABASE {owner} OWNER {owner};" in roles


def test_every_long_running_service_has_a_health_check_and_is_restarted(
    compose: dict[str, Any],
) -> None:
    for name, service in compose["services"].items():
        if name not in TASKS:
            # The image has a health check for our services.
            assert ("healthcheck" in service) == ("build" not in service), name
            assert service["restart"] == "unless-stopped"


def test_services_wait_for_finished_tasks_and_healthy_servers(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for service in services.values():
        for needed, how in service.get("depends_on", {}).items():
            done = "service_completed_successfully"
            assert how["condition"] == (
                done if "restart" not in services[needed] else "service_healthy"
            )


def test_only_the_migration_has_the_password_of_the_owner(compose: dict[str, Any]) -> None:
    services = compose["services"]
    owner = services["postgres"]["environment"]["POSTGRES_USER"]
    for name in OURS - {"migrate"}:
        assert owner not in str(services[name]["environment"])
    assert owner in services["migrate"]["environment"]["TXPLATFORM_MIGRATION_DATABASE_URL"]
    role = "txplatform_app"
    assert role in (ROOT / "deploy/postgres-init.sql").read_text()
    assert role in services["api"]["environment"]["TXPLATFORM_DATABASE_URL"]


def run_tool(program: str, *words: str) -> tuple[int, str]:
    """Run a tool of the test environment in the repository; return its exit code and output."""
    done = subprocess.run(
        [f"{BIN}/{program}", *words], cwd=ROOT, capture_output=True, check=False, text=True
    )
    return done.returncode, done.stdout + done.stderr


def test_the_file_follows_the_specification_of_compose() -> None:
    check = ("check-jsonschema", "--builtin-schema", "vendor.compose-spec")
    code, shown = run_tool(*check, "docker-compose.yml")
    assert code == 0, shown


@pytest.mark.skipif(shutil.which("hadolint", path=BIN) is None, reason="no wheel for this system")
def test_the_dockerfile_has_no_fault_that_its_linter_knows() -> None:
    code, shown = run_tool("hadolint", "--failure-threshold", "style", "Dockerfile")
    assert code == 0, shown


def test_the_image_has_two_stages_runs_without_root_and_installs_locked_versions() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert dockerfile.count("\nFROM ") + dockerfile.startswith("FROM ") == 2
    (user,) = re.findall(r"^USER (\d+)$", dockerfile, re.MULTILINE)
    assert f"--uid {user} " in dockerfile
    assert "--require-hashes -r requirements-runtime.lock" in dockerfile
    copied = [line.split()[1:-1] for line in dockerfile.splitlines() if line.startswith("COPY ")]
    everything, *sent = (ROOT / ".dockerignore").read_text().split()
    assert everything == "*"
    for source in chain.from_iterable(copied):
        if not source.startswith(("--from=", "/opt/")):
            assert (ROOT / source).exists(), source
            assert f"!{source.removeprefix('./')}" in sent, source


def test_the_image_sets_existing_settings_and_its_health_check_asks_that_port() -> None:
    given = image_environment()
    assert set(given) <= {f"TXPLATFORM_{name.upper()}" for name in Settings.model_fields}
    assert given["TXPLATFORM_API_PORT"] == given["TXPLATFORM_HEALTH_PORT"] == IMAGE_PORT
    assert given["TXPLATFORM_API_HOST"] == ANY  # of IPv4 and IPv6
    assert f"/127.0.0.1/{IMAGE_PORT} " in image_health_check()[-1]


def test_every_port_of_our_services_is_that_of_the_image(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        if "build" in service:
            assert all(port.endswith(f":{IMAGE_PORT}") for port in service.get("ports", []))
            set_here = service.get("environment", {}).items()
            ports = {value for name, value in set_here if name.endswith("_PORT")}
            assert ports <= {IMAGE_PORT}


@contextmanager
def silent_port() -> Iterator[int]:
    """Listen on a port without ever sending a byte, as a frozen process does."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_the_health_check_of_kafka_asks_a_broker(
    compose: dict[str, Any], kafka: Broker | LentBroker
) -> None:
    _, *command = compose["services"]["kafka"]["healthcheck"]["test"]
    assert healthy(command, ("127.0.0.1/9092", kafka.bootstrap.replace(":", "/")))
    with silent_port() as port:
        assert not healthy(command, ("9092", str(port)), ("-t 4", "-t 0.1"))
    assert not healthy(command, ("9092", "1"))


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", True),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", False),
        (b"", False),
    ],
)
def test_the_health_check_of_the_image_understands_responses(
    response: bytes, *, expected: bool
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def respond() -> None:
            connection, _ = server.accept()
            with connection:
                request = b""
                while not request.endswith(b"\r\n\r\n"):
                    request += connection.recv(4096)
                assert request == b"GET /readyz HTTP/1.0\r\n\r\n"
                connection.sendall(response)

        thread = Thread(target=respond)
        thread.start()
        port = server.getsockname()[1]
        assert healthy(image_health_check(), (IMAGE_PORT, str(port))) is expected
        thread.join()
    assert not healthy(image_health_check(), (IMAGE_PORT, "1"))
    with silent_port() as silent:
        assert not healthy(image_health_check(), (IMAGE_PORT, str(silent)), ("-t 4", "-t 0.1"))

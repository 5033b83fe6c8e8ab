"""Checks docker-compose.yml and the Dockerfile without Docker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from txbank.cli import SERVICES
from txbank.settings import CommonSettings
from txplatform.cli import COMMANDS
from txplatform.settings import Settings

ROOT = Path(__file__).parents[2]
OURS = {"migrate", "topics", "api", "consumer", "publisher", "projector"}
TASKS = {"migrate", "topics", "bank-migrate", "bank-keys"}
"""The services that end."""


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """The parsed file, with its anchors resolved."""
    parsed: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return parsed


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
            assert service["healthcheck"]["test"]
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


def test_the_image_has_two_stages_runs_without_root_and_installs_locked_versions() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert dockerfile.count("\nFROM ") + dockerfile.startswith("FROM ") == 2
    assert "\nUSER txplatform\n" in dockerfile
    assert "--require-hashes -r requirements-runtime.lock" in dockerfile

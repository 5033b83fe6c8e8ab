"""docker-compose.yml, checked without an engine: each service's command is run elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import TOPICS
from txplatform.cli import COMMANDS
from txplatform.settings import Settings

ROOT = Path(__file__).parents[2]
OURS = {"migrate", "api", "consumer", "publisher", "projector"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """The file with its anchors resolved."""
    parsed: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return parsed


def test_every_image_is_pinned(compose: dict[str, Any]) -> None:
    """To a version, not to `latest`."""
    for service in compose["services"].values():
        _, _, tag = service["image"].partition(":")
        assert tag
        assert tag != "latest"


def test_our_services_run_commands_that_exist(compose: dict[str, Any]) -> None:
    """Each with settings that the code knows."""
    known = {f"TXPLATFORM_{name.upper()}" for name in Settings.model_fields}
    for name in OURS:
        service = compose["services"][name]
        assert service["command"][0] in COMMANDS
        assert set(service["environment"]) <= known


def test_what_keeps_running_has_a_health_check_and_is_restarted(compose: dict[str, Any]) -> None:
    """All but the one-shots."""
    for name, service in compose["services"].items():
        if name not in {"migrate", "topics"}:
            assert service["healthcheck"]["test"]
            assert service["restart"] == "unless-stopped"


def test_dependencies_are_services_and_wait_for_the_right_thing(compose: dict[str, Any]) -> None:
    """One-shots have to be done, servers healthy."""
    services = compose["services"]
    for service in services.values():
        for needed, how in service.get("depends_on", {}).items():
            done = "service_completed_successfully"
            assert how["condition"] == (
                done if "restart" not in services[needed] else "service_healthy"
            )


def test_all_topics_of_the_contract_are_made_with_12_partitions(compose: dict[str, Any]) -> None:
    """In and out, and the dead letters."""
    (script,) = compose["services"]["topics"]["command"]
    words = script.replace("\\", " ").split()
    assert set(TOPICS) <= set(words)
    assert "--partitions 12" in script


def test_the_service_owns_nothing(compose: dict[str, Any]) -> None:
    """Only the migration knows the owner."""
    services = compose["services"]
    owner = services["postgres"]["environment"]["POSTGRES_USER"]
    for name in OURS - {"migrate"}:
        assert owner not in str(services[name]["environment"])
    assert owner in services["migrate"]["environment"]["TXPLATFORM_MIGRATION_DATABASE_URL"]
    role = "txplatform_app"
    assert role in (ROOT / "deploy/postgres-init.sql").read_text()
    assert role in services["api"]["environment"]["TXPLATFORM_DATABASE_URL"]


def test_the_image_runs_without_root_and_from_hashes() -> None:
    """Multi-stage; what is installed is what was locked."""
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert dockerfile.count("\nFROM ") + dockerfile.startswith("FROM ") == 2
    assert "\nUSER txplatform\n" in dockerfile
    assert "--require-hashes -r requirements-runtime.lock" in dockerfile

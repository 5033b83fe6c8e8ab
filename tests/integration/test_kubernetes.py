"""Checks the manifests in deploy/kubernetes without a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import kubernetes_validate
import pytest

from harness.containers import IMAGE_PORT, MANIFESTS, compose, manifests
from txplatform.cli import COMMANDS
from txplatform.settings import Settings

VERSIONS = ("1.30", kubernetes_validate.latest_version())
"""Versions of Kubernetes that the manifests are for: an old one and the newest known."""

OBJECTS = manifests()


def of_kind(kind: str) -> list[dict[str, Any]]:
    return [each for each in OBJECTS if each["kind"] == kind]


def pods() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Yield name, pod and only container of each workload."""
    for workload in (*of_kind("Deployment"), *of_kind("Job")):
        pod = workload["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        yield workload["metadata"]["name"], pod, container


PODS = [pytest.param(pod, container, id=name) for name, pod, container in pods()]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_follows_the_schema_of_kubernetes(version: str) -> None:
    for each in OBJECTS:
        kubernetes_validate.validate(each, version, strict=True)


def test_there_is_a_workload_for_each_service_of_the_platform_in_compose() -> None:
    words = [container["args"] for _, _, container in pods()]
    services = compose()["services"]
    ours = [services[name] for name in services if "build" in services[name]]
    platform = {each["command"][0] for each in ours if "entrypoint" not in each}
    assert sorted(each[0] for each in words) == sorted(platform)
    assert all(command in COMMANDS for command, *_ in words)


@pytest.mark.parametrize(("pod", "container"), PODS)
def test_a_pod_is_restricted(pod: dict[str, Any], container: dict[str, Any]) -> None:
    """The pod security standard `restricted`, and a read-only root file system."""
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    assert "volumes" not in pod


@pytest.mark.parametrize(("pod", "container"), PODS)
def test_a_container_has_a_pinned_image_resources_and_secrets_by_reference(
    pod: dict[str, Any], container: dict[str, Any]
) -> None:
    del pod
    assert container["image"] == compose()["services"]["api"]["image"]
    assert container["resources"]["requests"].keys() == {"cpu", "memory"}
    assert container["resources"]["limits"].keys() == {"memory"}
    known = {f"TXPLATFORM_{name.upper()}" for name in Settings.model_fields}
    assert {each["name"] for each in container["env"]} <= known
    assert all("secretKeyRef" in each["valueFrom"] for each in container["env"])
    (config,) = of_kind("ConfigMap")
    assert container["envFrom"] == [
        {"configMapRef": {"name": config["metadata"]["name"]}},
        {"secretRef": {"name": "txplatform-kafka", "optional": True}},
    ]
    assert set(config["data"]) <= known


def test_only_the_migration_has_the_password_of_the_owner() -> None:
    assert [
        container["name"]
        for _, _, container in pods()
        if any("MIGRATION" in each["name"] for each in container["env"])
    ] == ["migrate"]


def test_every_deployment_is_probed_on_the_port_of_the_image() -> None:
    for each in of_kind("Deployment"):
        (container,) = each["spec"]["template"]["spec"]["containers"]
        assert container["ports"] == [{"name": "http", "containerPort": int(IMAGE_PORT)}]
        for probe, path in (
            ("startup", "/startupz"),
            ("liveness", "/livez"),
            ("readiness", "/readyz"),
        ):
            assert container[f"{probe}Probe"]["httpGet"] == {"path": path, "port": "http"}


def test_every_deployment_has_a_disruption_budget_and_selectors_that_fit() -> None:
    deployments = {each["metadata"]["name"]: each for each in of_kind("Deployment")}
    for name, each in deployments.items():
        labels = each["spec"]["template"]["metadata"]["labels"]
        assert each["spec"]["selector"]["matchLabels"].items() <= labels.items()
        assert each["spec"]["replicas"] >= 2
        (budget,) = [b for b in of_kind("PodDisruptionBudget") if b["metadata"]["name"] == name]
        assert budget["spec"]["selector"]["matchLabels"].items() <= labels.items()
        assert budget["spec"]["maxUnavailable"] == 1
    (service,) = of_kind("Service")
    labels = deployments["txplatform-api"]["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= labels.items()
    assert service["spec"]["ports"][0]["targetPort"] == "http"


def test_the_folder_has_nothing_but_manifests() -> None:
    assert {each.suffix for each in MANIFESTS.iterdir()} == {".yaml"}

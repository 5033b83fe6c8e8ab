"""Runs the command of each container as a process, with PostgreSQL and Kafka."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from harness.containers import (
    IMAGE_PORT,
    NO_FOLDERS,
    READ_ONLY,
    ROOT,
    compose,
    healthy,
    image_environment,
    image_health_check,
    manifests,
    require_read_only,
)
from harness.postgres import PostgresServer
from harness.processes import Command, run_command
from harness.waiting import wait_until
from txplatform.demo.processes import free_port

OF_KUBERNETES = {
    "TXPLATFORM_SERVICE_HOST": "10.0.0.1",
    "TXPLATFORM_SERVICE_PORT": "80",
    "TXPLATFORM_PORT": "tcp://10.0.0.1:80",
    "TXPLATFORM_PORT_80_TCP": "tcp://10.0.0.1:80",
    "TXPLATFORM_PORT_80_TCP_ADDR": "10.0.0.1",
}
"""Variables that Kubernetes sets if there is a Service `txplatform`, unless a pod declines them."""


def on_port(settings: Mapping[str, str], port: int) -> dict[str, str]:
    """Return the settings with another port, since the processes share one machine."""
    return {name: value.replace(IMAGE_PORT, str(port)) for name, value in settings.items()}


def status(port: int, path: str) -> int:
    """Return the status of a probe; 0 if nothing responds."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=5).status_code
    except httpx.TransportError:
        return 0


def test_every_container_of_kubernetes_runs_without_writing_a_file(
    postgres: PostgresServer, topics: str
) -> None:
    require_read_only()
    database = postgres.empty_database()
    secret = {"service-url": database.service_url, "owner-url": database.owner_url}
    objects = manifests()
    (config,) = [each["data"] for each in objects if each["kind"] == "ConfigMap"]

    def environment(container: dict[str, Any]) -> dict[str, str]:
        secrets = {
            each["name"]: secret[each["valueFrom"]["secretKeyRef"]["key"]]
            for each in container["env"]
        }
        brokers = {"TXPLATFORM_KAFKA_BOOTSTRAP_SERVERS": topics}
        return {
            **NO_FOLDERS,
            **OF_KUBERNETES,
            **image_environment(),
            **config,
            **brokers,
            **secrets,
        }

    def container_of(each: dict[str, Any]) -> dict[str, Any]:
        (container,) = each["spec"]["template"]["spec"]["containers"]
        return dict(container)

    for job in (container_of(each) for each in objects if each["kind"] == "Job"):
        code, _, err = run_command(*job["args"], env=environment(job), wrapper=READ_ONLY)
        assert code == 0, err
    with ExitStack() as stack:
        running = {}
        for each in (container_of(each) for each in objects if each["kind"] == "Deployment"):
            port = free_port()
            command = Command(
                *each["args"], env=on_port(environment(each), port), wrapper=READ_ONLY
            )
            running[port] = (each, stack.enter_context(command))
        for port, (each, command) in running.items():
            command.wait_ready()
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                path = each[probe]["httpGet"]["path"]
                wait_until(
                    lambda port=port, path=path: status(port, path) == 200,  # type: ignore[misc]
                    message=f"{each['name']}: {path}",
                )
            assert healthy(image_health_check(), (IMAGE_PORT, str(port)))
        assert [command.stop() for _, command in running.values()] == [0] * len(running)


@pytest.mark.long
def test_every_service_of_compose_runs_and_becomes_healthy(
    own_postgres: PostgresServer, topics: str, tmp_path: Path
) -> None:
    services = compose()["services"]
    given = services["postgres"]["environment"]
    with psycopg.connect(own_postgres.login("postgres", "postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {given['POSTGRES_USER']} SUPERUSER LOGIN")
        connection.execute(f"CREATE DATABASE {given['POSTGRES_DB']}")
        for statement in (ROOT / "deploy" / "postgres-init.sql").read_text().split(";\n"):
            connection.execute(statement.encode())
    ours = {name: each for name, each in services.items() if "build" in each}
    ports = {name: free_port() for name in ours}
    addresses = {
        "@postgres:5432/": f"@127.0.0.1:{own_postgres.port}/",
        "kafka:9092": topics,
        "/var/lib/txbank-keys": str(tmp_path),
        **{f"//{name}:{IMAGE_PORT}": f"//127.0.0.1:{port}" for name, port in ports.items()},
    }

    def environment(name: str) -> dict[str, str]:
        found = {**NO_FOLDERS, **image_environment(), **ours[name]["environment"]}
        for old, new in addresses.items():
            found = {key: value.replace(old, new) for key, value in found.items()}
        return on_port(found, ports[name])

    with ExitStack() as stack:
        left, commands = dict(ours), {}
        while left:
            waiting = {
                name
                for name, each in left.items()
                if left.keys() & each.get("depends_on", {}).keys()
            }
            for name in left.keys() - waiting:
                each = left.pop(name)
                program, *_ = each.get("entrypoint", ["txplatform"])
                if program == "bank-keys":
                    script = {
                        **environment(name),
                        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                    }
                    subprocess.run([ROOT / "deploy" / "bank-keys.sh"], env=script, check=True)
                    continue
                command = Command(*each["command"], env=environment(name), program=program)
                stack.enter_context(command)
                if "restart" not in each:
                    assert command.wait() == 0, command.stderr
                    continue
                commands[name] = command.wait_ready()
                wait_until(
                    lambda port=ports[name]: healthy(  # type: ignore[misc]
                        image_health_check(), (IMAGE_PORT, str(port))
                    ),
                    message=f"{name} to be healthy",
                )
        assert len(commands) == 8
        assert [command.stop() for command in commands.values()] == [0] * 8

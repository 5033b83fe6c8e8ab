"""The containers of docker-compose.yml and deploy/kubernetes, whose commands run as processes."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
MANIFESTS = ROOT / "deploy" / "kubernetes"
IMAGE_PORT = "8080"
"""The port of every service in its container."""

READ_ONLY = (
    *("unshare", "--mount", *(() if os.geteuid() == 0 else ("--map-root-user",)), "sh", "-c"),
    *('mount -o remount,bind,ro / && exec "$@"', "sh"),
)
"""Runs a command with a read-only root file system, as Kubernetes does."""

NO_FOLDERS = {"HOME": "/nonexistent", "TMPDIR": "/nonexistent"}
"""The environment of a user without a home, and without a folder for temporary files."""


def compose() -> dict[str, Any]:
    """Return docker-compose.yml, with its anchors resolved."""
    parsed: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return parsed


def manifests() -> list[dict[str, Any]]:
    """Return all objects of deploy/kubernetes."""
    files = sorted(MANIFESTS.glob("*.yaml"))
    return [each for file in files for each in yaml.safe_load_all(file.read_text())]


def image_environment() -> dict[str, str]:
    """Return the settings that the image sets."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line.removeprefix("ENV ") for line in text.splitlines() if line.startswith("ENV ")]
    given = dict(word.split("=", 1) for line in lines for word in shlex.split(line))
    return {name: value for name, value in given.items() if name.startswith("TXPLATFORM_")}


def image_health_check() -> list[str]:
    """Return the command of the image's HEALTHCHECK."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    (check,) = re.findall(r"^HEALTHCHECK .* CMD (\[.*\])$", text, re.MULTILINE)
    command: list[str] = json.loads(check)
    return command


def healthy(command: list[str], *replaced: tuple[str, str]) -> bool:
    """Run a health check, with addresses replaced, and return whether it succeeds."""
    words = list(command)
    for old, new in replaced:
        words = [word.replace(old, new) for word in words]
    return subprocess.run(words, capture_output=True, check=False, timeout=30).returncode == 0


@cache
def require_read_only() -> None:
    """Skip the test if this user may not mount a file system in a namespace of its own."""
    tried = (
        subprocess.run([*READ_ONLY, "true"], check=False, capture_output=True).returncode
        if shutil.which("unshare")
        else 1
    )
    if tried:
        reason = "this user may not make a mount namespace"
        if os.environ.get("TXPLATFORM_REQUIRE_ALL"):
            pytest.fail(reason)
        pytest.skip(reason)

"""`make sbom` lists every package that the image installs, with its licence."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKED = re.compile(r"^([\w.-]+)==([^\s;]+)(?: ; (.+?))? \\$", re.MULTILINE)


def locked_packages() -> dict[str, str]:
    """Return the versions that requirements-runtime.lock has for this machine."""
    lines = LOCKED.findall((ROOT / "requirements-runtime.lock").read_text())
    return {
        canonicalize_name(name): version
        for name, version, marker in lines
        if not marker or Marker(marker).evaluate()
    }


@pytest.mark.long
def test_every_locked_package_is_listed_with_its_licence() -> None:
    subprocess.run(["make", "sbom"], cwd=ROOT, check=True, capture_output=True)
    bill = json.loads((ROOT / "dist" / "sbom.json").read_text())
    assert (bill["bomFormat"], bill["metadata"]["component"]["name"]) == ("CycloneDX", "txplatform")
    listed = {canonicalize_name(each["name"]): each for each in bill["components"]}
    packages = locked_packages()
    assert len(packages) > 50
    assert {name: each["version"] for name, each in listed.items()} == packages
    assert [name for name, each in listed.items() if not each.get("licenses")] == []
    notice = (ROOT / "dist" / "NOTICE").read_text()
    for name in ("swagger-ui", "htmx"):  # files of others in our own packages
        assert name in notice
    found = dict(re.findall(r"^(\S+)\n(\d\S*)\n(?!UNKNOWN)\S", notice, re.MULTILINE))
    assert packages.items() <= {canonicalize_name(each): at for each, at in found.items()}.items()

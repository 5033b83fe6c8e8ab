"""Programs of Debian packages that `make debian-packages` installs."""

from __future__ import annotations

import os
import shutil

import pytest


def program(name: str) -> str:
    """Return the path of a program; skip the test if its package is not installed."""
    if path := shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin"):
        return path
    missing = f"needs {name}: run `make debian-packages`"
    if os.environ.get("TXPLATFORM_REQUIRE_ALL"):
        pytest.fail(missing)
    pytest.skip(missing)

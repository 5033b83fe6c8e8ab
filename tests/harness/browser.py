"""Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

MISSING = "needs Chromium: run `make browser`, which installs Debian's package"


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run the browser; skip the test if it is not installed."""
    path = shutil.which("chromium")
    if path is None:
        if os.environ.get("TXPLATFORM_REQUIRE_ALL"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=path, args=["--no-sandbox"]) as browser,
    ):
        yield browser

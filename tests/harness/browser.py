"""Debian's Chromium, driven by Playwright."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

from harness.debian import program


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run the browser; skip the test if it is not installed."""
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(
            executable_path=program("chromium"), args=["--no-sandbox"]
        ) as browser,
    ):
        yield browser

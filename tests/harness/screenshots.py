"""`make screenshots`: run the demo, use its web bank, and write pictures into docs/bank/."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, ViewportSize, expect

from harness.bank import IBAN
from harness.browser import chromium
from harness.waiting import wait_until

FOLDER = Path(__file__).parents[2] / "docs" / "bank"
_SIZE: ViewportSize = {"width": 1100, "height": 760}
_READY_S = 120
_TIMEOUT_MS = 60_000


@contextmanager
def demo() -> Iterator[dict[str, Any]]:
    """Run the demo with a data folder of its own, and yield its card."""
    with tempfile.TemporaryDirectory(prefix="txplatform-screenshots-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        card = folder / "card.json"
        command = [sys.executable, "-m", "txplatform.cli", "demo", "--port", "0", "--speed", "5"]
        with subprocess.Popen(
            [*command, "--data-dir", folder / "data", "--card", card], stdout=subprocess.DEVNULL
        ) as process:
            try:
                wait_until(card.exists, timeout_s=_READY_S, message="the demo's card")
                yield json.loads(card.read_text())
            finally:
                process.terminate()


def take_all(browser: Browser, bank: dict[str, Any]) -> None:
    """Use the web bank as a cardholder and as staff, and write a picture of each main page."""
    expect.set_options(timeout=_TIMEOUT_MS)
    account_id = bank["cardholder"]["account_id"]
    holder = _log_in(browser, bank["web_url"], bank["cardholder"])
    holder.goto(f"/accounts/{account_id}")
    expect(holder.locator(".row").nth(8)).to_be_visible()
    tab = holder.context.new_page()
    tab.goto(f"/accounts/{account_id}/purchase")
    tab.get_by_label("Shop", exact=True).fill("Corner Books")
    tab.get_by_label("Amount").fill("42.50")
    _picture(tab, "purchase")
    tab.get_by_role("button", name="Pay by card").click()
    tab.wait_for_url(re.compile("/transactions/"))
    _picture(tab, "decision")
    expect(holder.get_by_text("Corner Books").first).to_be_visible()
    _picture(holder, "account")
    tab.goto(f"/accounts/{account_id}/payments")
    for amount in ("20.00", "1500.00"):  # accepted, and held for staff
        tab.get_by_label("Amount").fill(amount)
        tab.get_by_label("IBAN").fill(IBAN)
        tab.get_by_role("button", name="Pay").click()
        expect(tab.get_by_label("Amount")).to_have_value("")
    _picture(tab, "payments")
    tab.goto(f"/accounts/{account_id}/card")
    _picture(tab, "card")
    staff = _log_in(browser, bank["web_url"], bank["staff"])
    staff.goto("/staff/payments")
    _picture(staff, "staff-payments")
    staff.goto(f"/staff/accounts/{account_id}")
    _picture(staff, "staff-account")
    staff.get_by_role("link", name="Settle its holds").click()
    staff.get_by_role("button", name="Settle").click()
    expect(staff.locator("#count-clean")).to_be_visible()
    _picture(staff, "staff-settlement")
    tab.set_viewport_size({"width": 360, "height": 760})
    tab.emulate_media(color_scheme="dark")
    tab.goto(f"/accounts/{account_id}")
    _picture(tab, "account-phone-dark")


def _log_in(browser: Browser, url: str, login: dict[str, str]) -> Page:
    page = browser.new_context(base_url=url, viewport=_SIZE).new_page()
    page.set_default_timeout(_TIMEOUT_MS)
    page.goto("/login")
    page.get_by_label("User", exact=True).fill(login["user"])
    page.get_by_label("Password").fill(login["password"])
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    return page


def _picture(page: Page, name: str) -> None:
    page.screenshot(path=FOLDER / f"{name}.png", animations="disabled")


if __name__ == "__main__":
    with demo() as card, chromium() as browser:
        take_all(browser, card["bank"])

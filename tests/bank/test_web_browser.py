"""The web bank in a real browser, with the platform, PostgreSQL and Kafka behind it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from harness.bank import IBAN
from harness.browser import chromium
from harness.everything import Everything
from harness.waiting import wait_until
from harness.web import PASSWORD, add_web_user
from txbank.web.users import Role

WAITING = '{"clearing_id": "c-1", "account_id": "unknown", "amount": 1, "currency": "EUR"}'
BAD = '{"clearing_id": "c-2", "account_id": "unknown", "amount": -1, "currency": "EUR"}'
AXE = Path(__file__).with_name("vendored") / "axe.min.js"

expect.set_options(timeout=30_000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The browser of this module's tests. Each visitor has a context of their own.

    Playwright's event loop counts as running in this thread until the browser is closed, so
    `asyncio.run` would fail in tests of other modules.
    """
    with chromium() as browser:
        yield browser


@dataclass
class Site:
    """The running web bank, and its visitors."""

    everything: Everything
    browser: Browser
    refused: list[str] = field(default_factory=list)
    """Errors of scripts, and what the content security policy refused."""

    @property
    def url(self) -> str:
        """Where the web bank is."""
        return self.everything.bank.url("web")

    def log_in(self, name: str) -> Page:
        """Log in with a new visitor's browser, and return the first page."""
        context: BrowserContext = self.browser.new_context(base_url=self.url)
        context.set_default_timeout(30_000)
        page = context.new_page()
        context.on("weberror", lambda error: self.refused.append(str(error.error)))
        context.on("console", lambda message: self._note(message.text))
        page.goto("/login")
        page.get_by_label("User", exact=True).fill(name)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("button", name="Log out")).to_be_visible()
        return page

    def _note(self, message: str) -> None:
        if "Content Security Policy" in message:
            self.refused.append(message)

    def staff(self) -> Page:
        """Log in as a member of staff."""
        return self.log_in(add_web_user(self.everything.bank, Role.STAFF))

    def knows(self, account_id: str) -> bool:
        """Return whether payments knows an account, so that small payments are accepted."""
        with self.everything.bank.connect("payments") as connection:
            found = connection.execute(
                "SELECT 1 FROM known_accounts WHERE account_id = %s", (account_id,)
            )
            return found.fetchone() is not None


@pytest.fixture
def site(everything: Everything, browser: Browser) -> Iterator[Site]:
    """The bank and the platform, running."""
    with everything.platform(), everything.bank.running():
        site = Site(everything, browser)
        yield site
        assert site.refused == []
        for context in browser.contexts:
            context.close()


def book(staff: Page, *, name: str = "Ada Lovelace", user: str = "ada@example.org") -> str:
    """Book an account with a limit of 2,500.00 EUR as staff, and return its id."""
    staff.goto("/staff")
    staff.get_by_role("link", name="Book an account").click()
    staff.get_by_label("Name", exact=True).fill(name)
    staff.get_by_label("E-mail").fill("ada@example.org")
    staff.get_by_label("User name to log in").fill(user)
    staff.get_by_label("First password").fill(PASSWORD)
    staff.get_by_label("Credit limit").fill("2500")
    staff.get_by_role("button", name="Book account").click()
    staff.wait_for_url(re.compile(r"/staff/accounts/acc-"))
    expect(staff.get_by_role("heading", level=1)).to_have_text(name)
    return staff.url.rpartition("/")[2]


def open_account_page(holder: Page, account_id: str) -> None:
    """Show an account, and wait until the platform has opened it and the page is live."""
    with holder.expect_request(re.compile(r"/live$")):
        holder.goto(f"/accounts/{account_id}")
    expect(holder.locator("#available")).to_be_visible()


def buy(page: Page, account_id: str, shop: str, amount: str) -> None:
    """Buy at a shop, and wait for the page with the decision."""
    page.goto(f"/accounts/{account_id}/purchase")
    page.get_by_label("Shop", exact=True).fill(shop)
    page.get_by_label("Amount").fill(amount)
    page.get_by_role("button", name="Pay by card").click()
    page.wait_for_url(re.compile("/transactions/"))


def change_limit(staff: Page, account_id: str, limit: str) -> None:
    """Change the credit limit as staff."""
    staff.goto(f"/staff/accounts/{account_id}")
    staff.get_by_label("New credit limit").fill(limit)
    staff.get_by_role("textbox", name="Reason").first.fill("Asked for.")
    staff.get_by_role("button", name="Change limit").click()
    expect(staff.get_by_label("New credit limit")).to_have_value("")


def expect_balance(page: Page, *, available: str, balance: str, pending: str) -> None:
    """Wait until a live page shows these amounts, in EUR."""
    for name, amount in (("available", available), ("balance", balance), ("pending", pending)):
        shown = amount.replace("-", "\N{MINUS SIGN}")
        expect(page.locator(f"#{name}")).to_have_text(f"{shown} EUR")


def test_staff_book_an_account_and_its_holder_buys_pays_and_sees_the_payment_bounce(
    site: Site,
) -> None:
    staff = site.staff()
    account_id = book(staff)
    holder = site.log_in("ada@example.org")
    holder.get_by_role("link", name="Classic card").click()
    open_account_page(holder, account_id)
    expect_balance(holder, available="2,500.00", balance="0.00", pending="0.00")

    tab = holder.context.new_page()
    buy(tab, account_id, "Corner Books", "42.50")
    expect(tab.get_by_text("Authorization approved")).to_be_visible()
    expect(holder.locator(".row").first).to_contain_text("Corner Books")
    expect_balance(holder, available="2,457.50", balance="0.00", pending="-42.50")

    staff.get_by_role("link", name="Settle its holds").click()
    lines = staff.get_by_label("Clearings")
    lines.fill(f"{lines.input_value()}\n{WAITING}\n{BAD}")
    staff.get_by_role("button", name="Settle").click()
    for name, shown in (("clean", "42.50 EUR"), ("waiting", "c-1"), ("bad", "amount: must be")):
        expect(staff.locator(f"#count-{name}")).to_have_text("1")
        expect(staff.locator(f"#{name}")).to_contain_text(shown)
    expect_balance(holder, available="2,457.50", balance="-42.50", pending="0.00")

    wait_until(lambda: site.knows(account_id), message="the account at payments")
    tab.goto(f"/accounts/{account_id}/payments")
    tab.get_by_label("Amount").fill("42.50")
    tab.get_by_label("IBAN").fill(IBAN)
    tab.get_by_role("button", name="Pay").click()
    expect(tab.locator(".row").first).to_contain_text("Accepted")
    expect(holder.locator(".row").first).to_contain_text("Payment received")
    expect_balance(holder, available="2,500.00", balance="0.00", pending="0.00")

    staff.goto("/staff/payments?state=accepted")
    staff.get_by_label("Why it bounced").select_option("AM04")
    staff.get_by_role("button", name="Report as bounced").click()
    expect(holder.locator(".row").first).to_contain_text("Payment bounced")
    expect_balance(holder, available="2,457.50", balance="-42.50", pending="0.00")
    tab.reload()
    expect(tab.locator(".row").first).to_contain_text("too little money")


@pytest.mark.long
def test_the_next_purchase_feels_a_lower_limit(site: Site) -> None:
    staff = site.staff()
    account_id = book(staff)
    holder = site.log_in("ada@example.org")
    open_account_page(holder, account_id)
    tab = holder.context.new_page()
    buy(tab, account_id, "Corner Books", "42.50")
    expect(tab.get_by_text("Authorization approved")).to_be_visible()
    change_limit(staff, account_id, "50.00")
    wait_until_limit(holder, account_id, "50.00 EUR")
    buy(tab, account_id, "Corner Books", "7.51")
    expect(tab.get_by_role("heading", name="Why it was declined")).to_be_visible()
    buy(tab, account_id, "Corner Books", "7.50")
    expect(tab.get_by_text("Authorization approved")).to_be_visible()


@pytest.mark.long
def test_the_last_of_five_rapid_limit_changes_wins(site: Site) -> None:
    staff = site.staff()
    account_id = book(staff)
    holder = site.log_in("ada@example.org")
    open_account_page(holder, account_id)
    for limit in ("100", "5000", "30", "700", "1234.56"):
        change_limit(staff, account_id, limit)
    expect(staff.locator("#limit-now")).to_have_text("1,234.56 EUR")
    wait_until_limit(holder, account_id, "1,234.56 EUR")


@pytest.mark.long
def test_a_frozen_card_and_own_limits_are_felt_by_purchases(site: Site) -> None:
    account_id = book(site.staff())
    holder = site.log_in("ada@example.org")
    open_account_page(holder, account_id)
    card = f"/accounts/{account_id}/card"
    holder.goto(card)
    holder.get_by_label("Most for one purchase").fill("10.00")
    holder.get_by_role("button", name="Set limits").click()
    expect(holder.get_by_label("Most for one purchase")).to_have_value("10.00")
    tab = holder.context.new_page()
    buy(tab, account_id, "Corner Books", "10.01")
    expect(tab.get_by_role("heading", name="Why it was declined")).to_be_visible()

    holder.get_by_role("button", name="Freeze card").click()
    expect(holder.get_by_role("button", name="Use card again")).to_be_visible()

    def declined() -> bool:
        buy(tab, account_id, "Corner Books", "1.00")
        return tab.get_by_text("Authorization declined").is_visible()

    wait_until(declined, message="the freeze at the platform")
    holder.get_by_role("button", name="Use card again").click()
    expect(holder.get_by_role("button", name="Freeze card")).to_be_visible()
    wait_until(lambda: not declined(), message="the release at the platform")


@pytest.mark.long
def test_a_double_click_buys_once_and_pays_once(site: Site) -> None:
    account_id = book(site.staff())
    holder = site.log_in("ada@example.org")
    open_account_page(holder, account_id)
    wait_until(lambda: site.knows(account_id), message="the account at payments")
    tab = holder.context.new_page()
    tab.goto(f"/accounts/{account_id}/purchase")
    tab.get_by_label("Shop", exact=True).fill("Corner Books")
    tab.get_by_label("Amount").fill("42.50")
    tab.get_by_role("button", name="Pay by card").dblclick()
    tab.wait_for_url(re.compile("/transactions/"))
    tab.goto(f"/accounts/{account_id}/payments")
    tab.get_by_label("Amount").fill("10")
    tab.get_by_label("IBAN").fill(IBAN)
    tab.get_by_role("button", name="Pay").dblclick()
    expect(tab.locator(".row")).to_have_count(1)
    expect_balance(holder, available="2,467.50", balance="10.00", pending="-42.50")
    expect(holder.locator(".row")).to_have_count(2)


@pytest.mark.long
def test_html_in_names_and_reasons_is_shown(site: Site) -> None:
    hostile = "<img src=x onerror=alert(1)><b>Ada</b>"
    staff = site.staff()
    account_id = book(staff, name=hostile)
    staff.get_by_role("textbox", name="Reason").first.fill(hostile)
    staff.get_by_label("New credit limit").fill("2000")
    staff.get_by_role("button", name="Change limit").click()
    expect(staff.get_by_text(hostile)).to_have_count(2)
    holder = site.log_in("ada@example.org")
    open_account_page(holder, account_id)
    buy(holder.context.new_page(), account_id, hostile, "5.00")
    expect(holder.locator(".row a")).to_have_text(hostile)
    assert holder.locator("main img").count() == 0


@pytest.mark.long
def test_everything_works_by_keyboard(site: Site) -> None:
    account_id = book(site.staff())
    holder = site.log_in("ada@example.org")
    open_account_page(holder, account_id)
    go_to(holder, "Buy")
    holder.keyboard.press("Enter")
    holder.wait_for_url(re.compile("/purchase$"))
    for label, text in (("Shop", "Corner Books"), ("Amount", "12.50")):
        go_to(holder, label)
        holder.keyboard.type(text)
    go_to(holder, "Pay by card")
    holder.keyboard.press("Enter")
    holder.wait_for_url(re.compile("/transactions/"))
    go_to(holder, "Log out")
    holder.keyboard.press("Enter")
    holder.wait_for_url(re.compile("/login$"))


@pytest.mark.long
def test_a_page_that_stays_open_shows_nothing_new_after_the_log_out(site: Site) -> None:
    account_id = book(site.staff())
    holder = site.log_in("ada@example.org")
    open_account_page(holder, account_id)
    other = site.log_in("ada@example.org")
    tab = holder.context.new_page()
    tab.goto("/")
    tab.get_by_role("button", name="Log out").click()
    buy(other, account_id, "Corner Books", "1.00")
    expect(holder.get_by_role("heading", name="You are logged out")).to_be_visible()
    expect(holder.locator("#available")).to_have_count(0)


@pytest.mark.long
def test_axe_finds_nothing_on_the_main_pages(site: Site) -> None:
    staff = site.staff()
    account_id = book(staff)
    holder = site.log_in("ada@example.org")
    open_account_page(holder, account_id)
    tab = holder.context.new_page()
    buy(tab, account_id, "Corner Books", "42.50")
    buy(tab, account_id, "Harbour Hotel", "4200")
    purchase = tab.url
    account = f"/accounts/{account_id}"
    tab.goto(f"{account}/payments")
    for amount in ("10", "1000"):
        tab.get_by_label("Amount").fill(amount)
        tab.get_by_label("IBAN").fill(IBAN)
        tab.get_by_role("button", name="Pay").click()
        expect(tab.get_by_label("Amount")).to_have_value("")
    anonymous = site.browser.new_context(base_url=site.url).new_page()
    of_staff = ["/staff", "/staff/accounts/new", f"/staff/accounts/{account_id}", "/staff/payments"]
    pages = [(anonymous, "/login"), (anonymous, "/none"), (holder, purchase), (holder, "/password")]
    pages += [(holder, each) for each in ("/", account, f"{account}/purchase", f"{account}/card")]
    pages += [(holder, f"{account}/payments"), (staff, "/staff/payments?state=accepted")]
    pages += [(staff, each) for each in [*of_staff, f"/staff/settlement?account_id={account_id}"]]
    for page, path in pages:
        for scheme in ("light", "dark"):
            for width in (360, 1280):
                page.emulate_media(color_scheme=scheme)
                page.set_viewport_size({"width": width, "height": 800})
                page.goto(path)
                check(page, f"{path} {scheme} {width}")
    holder.goto(f"{account}/purchase")
    holder.get_by_role("button", name="Pay by card").click()
    expect(holder.get_by_text("Enter the name of the shop.")).to_be_visible()
    check(holder, "a form with errors")


def check(page: Page, what: str) -> None:
    """Check that axe finds nothing, and that the page does not scroll sideways."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("async () => (await axe.run()).violations")
    summary = [(each["id"], [node["html"] for node in each["nodes"]]) for each in found]
    assert not summary, what
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), what


def go_to(page: Page, name: str) -> None:
    """Press Tab until the element with this name has the focus, and check that this is seen."""
    for _ in range(40):
        page.keyboard.press("Tab")
        focus = page.locator(":focus")
        label = focus.evaluate("each => (each.labels?.[0] ?? each).innerText.trim()")
        if label == name:
            outline = focus.evaluate("each => getComputedStyle(each).outlineStyle")
            assert outline == "solid", name
            return
    raise AssertionError(f"The keyboard does not reach {name}.")


def wait_until_limit(page: Page, account_id: str, limit: str) -> None:
    """Wait until the platform has a limit. It publishes nothing about limits, so read again."""

    def has_limit() -> bool:
        page.goto(f"/accounts/{account_id}")
        return page.locator("#limit").inner_text() == limit

    wait_until(has_limit, message=f"the limit {limit} at the platform")

"""The web bank while services are down or refuse its key: forms come back, and pages say little."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx
import psycopg
import pytest
from fastapi.routing import APIRoute
from markupsafe import escape

from harness.bank import IBAN, Bank, new_bank
from harness.postgres import PostgresServer
from harness.processes import Command
from harness.web import PASSWORD, WebUser, add_web_user, browser_client, logged_in
from txbank import web
from txbank.web.users import OwnAccount, Role
from txplatform.demo.processes import free_port

OWN = OwnAccount("acc", "EUR", "gold")
BOOKING = {
    "name": "Ada Lovelace",
    "email": "ada@example.org",
    "user_name": "ada-l",
    "password": PASSWORD,
    "product": "gold",
    "currency": "EUR",
    "limit": "2500",
}
FORMS: dict[str, dict[str, str]] = {
    "/accounts/{account_id}/purchase": {
        "shop": "Corner Books",
        "amount": "12.50",
        "category": "5411",
        "country": "DEU",
    },
    "/accounts/{account_id}/payments": {"amount": "12.50", "bank_account": IBAN},
    "/accounts/{account_id}/card/freeze": {"reason_code": "lost"},
    "/accounts/{account_id}/card/unfreeze": {},
    "/accounts/{account_id}/card/limits": {"purchase": "12.50", "day": "99"},
    "/staff/accounts/new": BOOKING,
    "/staff/accounts/{account_id}/limit": {"limit": "12.50", "reason": "Asked for."},
    "/staff/accounts/{account_id}/status": {
        "status": "frozen",
        "reason_code": "lost",
        "reason": "A call.",
    },
    "/staff/payments/{payment_id}/{action}": {"reason": "Known to us."},
    "/staff/settlement": {"lines": '{"clearing_id": "c-1"}'},
    "/staff/deliveries/{delivery_id}/retry": {},
}
"""What is typed into each form that another service carries out."""
WITHOUT_ID = {"/staff/payments/{payment_id}/{action}", "/staff/deliveries/{delivery_id}/retry"}
"""The forms whose path names what they do once."""


@pytest.fixture(scope="module")
def lonely(postgres: PostgresServer) -> Iterator[Bank]:
    """A bank of which only the web bank runs."""
    bank = new_bank(postgres)
    with bank.running("web"):
        yield bank


@pytest.fixture
def users(lonely: Bank) -> Iterator[tuple[WebUser, WebUser]]:
    """A cardholder with an account, and a member of staff."""
    with (
        logged_in(lonely, add_web_user(lonely, Role.CARDHOLDER, OWN)) as holder,
        logged_in(lonely, add_web_user(lonely, Role.STAFF)) as staff,
    ):
        yield holder, staff


def test_the_forms_that_are_tried_are_all() -> None:
    routes = (each for router in web.ROUTERS for each in router.routes)
    found = [each for each in routes if isinstance(each, APIRoute)]
    posts = {each.path.replace(":path}", "}") for each in found if "POST" in (each.methods or ())}
    assert posts - {"/login", "/logout", "/password"} == {*FORMS}


def test_every_form_comes_back_with_its_id_and_text_while_the_services_are_down(
    users: tuple[WebUser, WebUser],
) -> None:
    holder, staff = users

    def send(route: str) -> tuple[str, dict[str, str], httpx.Response]:
        path = route.format(account_id="acc", payment_id="pay", action="release", delivery_id="1")
        typed = {**FORMS[route], "form_id": str(uuid4())}
        user = staff if route.startswith("/staff") else holder
        return path, typed, user.client.post(path, data=typed)

    with ThreadPoolExecutor(len(FORMS)) as pool:
        responses = dict(zip(FORMS, pool.map(send, FORMS), strict=True))
    for route, (path, typed, response) in responses.items():
        assert response.status_code == 422, route
        assert "does not respond now" in response.text, route
        if "deliveries" in route:
            continue  # nothing was typed, and the button is in the list
        form_id = typed.pop("form_id")
        assert route in WITHOUT_ID or f'value="{form_id}"' in response.text, route
        for text in typed.values():
            as_value = f'value="{escape(text)}"'
            assert as_value in response.text or f">{escape(text)}</" in response.text, route
        actions = {f'action="{path}"', '<form method="post">', '<form class="two" method="post">'}
        assert any(each in response.text for each in actions), route


def test_a_form_comes_back_if_the_database_fails_after_the_service_has_done_its_part(
    bank: Bank, accounts: httpx.Client, staff: WebUser
) -> None:
    typed = {**BOOKING, "user_name": f"ada-{uuid4()}", "form_id": str(uuid4())}
    path = "/staff/accounts/new"
    with psycopg.connect(bank.databases["web"].owner_url) as connection:
        connection.execute("LOCK TABLE user_accounts")  # until the lock times out
        response = staff.client.post(path, data=typed)
    assert (response.status_code, typed["form_id"] in response.text) == (422, True)
    assert accounts.get(f"/v1/accounts/acc-{typed['form_id']}").status_code == 200
    assert staff.client.post(path, data=typed).status_code == 303
    with logged_in(bank, typed["user_name"]) as holder:
        assert f"acc-{typed['form_id']}" in holder.client.get("/").text


def test_the_first_page_does_not_wait_for_the_platform_once_for_each_account(
    lonely: Bank,
) -> None:
    own = [OwnAccount(f"acc-{number}", "EUR", "gold") for number in range(5)]
    with logged_in(lonely, add_web_user(lonely, Role.CARDHOLDER, *own)) as user:
        began = time.monotonic()
        page = user.client.get("/").text
        assert time.monotonic() - began < 10
    assert all(each.account_id in page for each in own)


def test_pages_say_that_a_list_cannot_be_shown(users: tuple[WebUser, WebUser]) -> None:
    holder, staff = users
    pages = [
        (holder, "/accounts/acc/payments", "Your payments cannot be shown now."),
        (holder, "/accounts/acc/card", "Your limits cannot be shown now."),
        (staff, "/staff/payments", "The list cannot be shown now."),
        (staff, "/staff/deliveries", "The list cannot be shown now."),
        (staff, "/staff/accounts/acc", "The account cannot be shown now."),
    ]
    with ThreadPoolExecutor(len(pages)) as pool:
        found = pool.map(lambda each: each[0].client.get(each[1]), pages)
        for (_, path, text), response in zip(pages, found, strict=True):
            assert (response.status_code, text in response.text) == (200, True), path


@pytest.mark.parametrize(
    "path",
    [
        "/staff?after=%00",
        "/staff/payments?after=%00",
        "/staff/payments?after=zzz",
        "/staff/payments?state=zzz",
        "/staff/deliveries?after=zzz",
        "/staff/accounts/zzz",
    ],
)
def test_what_a_service_refuses_is_not_a_service_that_does_not_respond(
    staff: WebUser, path: str
) -> None:
    response = staff.client.get(path)
    assert (response.status_code, "There is no such page" in response.text) == (404, True)


def test_nobody_is_told_about_the_key_of_the_web_bank_if_a_service_refuses_it(
    bank: Bank, holder: WebUser, own_account: OwnAccount
) -> None:
    port = str(free_port())
    env = {**bank.env, "TXBANK_WEB_KEY": f"txb_{'x' * 43}", "TXBANK_WEB_PORT": port}
    url = f"http://127.0.0.1:{port}"
    page = f"/accounts/{own_account.account_id}/payments"
    typed = {"form_id": str(uuid4()), "amount": "12.50", "bank_account": IBAN}
    with (
        Command("web", env=env, program="txbank") as process,
        httpx.Client(base_url=url, headers={"Origin": url}, cookies=holder.client.cookies) as user,
    ):
        process.wait_ready()
        sent = user.post(page, data=typed)
        assert (sent.status_code, typed["form_id"] in sent.text) == (422, True)
        shown = user.get(f"/accounts/{own_account.account_id}/card")
        assert shown.status_code == 200
        for response in (sent, shown):
            assert "keys create" not in response.text
            assert "API key" not in response.text
        assert "unauthenticated (401)" in process.stderr


def test_a_form_of_an_ended_session_leads_back_to_its_page_after_the_log_in(
    bank: Bank, staff: WebUser, holder: WebUser, own_account: OwnAccount
) -> None:
    account_id = own_account.account_id
    names = {"account_id": account_id, "payment_id": "pay", "action": "release", "delivery_id": "1"}
    for user in (staff, holder):
        with bank.connect("web") as connection:
            connection.execute("DELETE FROM sessions WHERE user_name = %s", (user.name,))
    seen = set[str]()
    for path in [each.format(**names) for each in [*FORMS, "/password"]]:
        user = staff if path.startswith("/staff") else holder
        with browser_client(bank) as client:
            sent = client.post(path, data={"amount": "12.50"})
            log_in = client.get(sent.headers["Location"])
            assert (sent.status_code, log_in.status_code) == (303, 200)
            assert "was not carried out" in log_in.text
            back_to = sent.headers["Location"].removeprefix("/login?back_to=")
            assert f'name="back_to" value="{back_to}"' in log_in.text
            fields = {"user_name": user.name, "password": "wrong", "back_to": back_to}
            assert f'value="{back_to}"' in client.post("/login", data=fields).text
            response = client.post("/login", data={**fields, "password": PASSWORD})
            assert response.headers["Location"] == back_to
            assert path.startswith(back_to)
            assert back_to in seen or client.get(back_to).status_code == 200, (path, back_to)
            seen.add(back_to)


@pytest.mark.parametrize(
    "back_to",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/%2F/evil.example",
        "/..//evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        "evil",
        " /staff",
        "/staff\r\nSet-Cookie: a=b",
    ],
)
def test_the_log_in_leads_only_to_pages_of_this_bank(bank: Bank, back_to: str) -> None:
    name = add_web_user(bank, Role.STAFF)
    with browser_client(bank) as client:
        fields = {"user_name": name, "password": PASSWORD, "back_to": back_to}
        assert client.post("/login", data=fields).headers["Location"] == "/staff"

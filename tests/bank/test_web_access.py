"""Who sees what in the web bank: logging in, roles, other people's accounts, other sites."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from http.cookies import SimpleCookie
from uuid import uuid4

import httpx
import pytest
from fastapi.routing import APIRoute

from harness.bank import Bank
from harness.processes import run_command
from harness.web import PASSWORD, WebUser, add_web_user, browser_client, logged_in
from txbank import web
from txbank.web.pages import create_pages
from txbank.web.sessions import MOST_PER_USER
from txbank.web.users import OwnAccount, Role

OPEN = {("GET", "/login"), ("POST", "/login")}
"""The routes that need no session."""
ROUTES = [
    (method, route.path)
    for router in web.ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute)
    for method in sorted(route.methods or ())
]


def path_of(route: str, account: OwnAccount) -> str:
    """Return a path of the route, to the account if the route has one."""
    values = {
        "account_id": account.account_id,
        "transaction_id": "tx",
        "payment_id": "pay",
        "delivery_id": "1",
        "action": "release",
    }
    return route.replace(":path}", "}").format(**values)


def test_the_routes_that_are_tried_are_all_of_the_application() -> None:
    app = create_pages(web.ROUTERS)
    assert len(ROUTES) > 20
    assert {("GET", "/"), ("GET", "/accounts/{account_id}/live"), ("GET", "/staff")} <= {*ROUTES}
    mounts = [each for each in app.routes if getattr(each, "path", "") == "/static"]
    assert len(mounts) == 1


def test_every_page_but_the_log_in_needs_a_session(bank: Bank, own_account: OwnAccount) -> None:
    with browser_client(bank) as client:
        client.cookies.set("session", "made-up")
        for method, route in (each for each in ROUTES if each not in OPEN):
            response = client.request(method, path_of(route, own_account))
            page = response.headers.get("Location", "").partition("?back_to=")[0]
            assert (response.status_code, page) == (303, "/login"), (method, route)


def test_no_cardholder_sees_or_changes_the_account_of_another(
    bank: Bank, own_account: OwnAccount
) -> None:
    routes = [each for each in ROUTES if "{account_id}" in each[1]]
    assert len(routes) > 10
    with logged_in(bank, add_web_user(bank, Role.CARDHOLDER)) as other:
        for method, route in routes:
            response = other.client.request(
                method, path_of(route, own_account), data={"form_id": str(uuid4())}
            )
            expected = 403 if route.startswith("/staff") else 404
            assert response.status_code == expected, (method, route)
            assert own_account.account_id not in response.text


def test_staff_pages_are_closed_to_cardholders(holder: WebUser, own_account: OwnAccount) -> None:
    routes = [each for each in ROUTES if each[1].startswith("/staff")]
    assert len(routes) > 8
    for method, route in routes:
        response = holder.client.request(method, path_of(route, own_account))
        assert response.status_code == 403, (method, route)


def test_the_pages_of_cardholders_are_closed_to_staff(
    staff: WebUser, own_account: OwnAccount
) -> None:
    for method, route in ROUTES:
        if route == "/" or route.startswith("/accounts"):
            response = staff.client.request(method, path_of(route, own_account))
            assert response.status_code in {403, 404}, (method, route)
            assert own_account.account_id not in response.text


def test_a_form_of_another_site_is_refused(
    bank: Bank, staff: WebUser, holder: WebUser, own_account: OwnAccount
) -> None:
    for route in (path for method, path in ROUTES if method == "POST"):
        user = staff if route.startswith("/staff") else holder
        with httpx.Client(base_url=bank.url("web"), cookies=user.client.cookies) as client:
            for origin in (None, "null", "https://evil.example", "http://127.0.0.1:1"):
                response = client.post(
                    path_of(route, own_account), headers={"Origin": origin} if origin else {}
                )
                assert response.status_code == 403, (route, origin)


def test_the_session_cookie_is_kept_from_scripts_and_other_sites(bank: Bank) -> None:
    name = add_web_user(bank, Role.STAFF)
    with browser_client(bank) as client:
        response = client.post("/login", data={"user_name": name, "password": PASSWORD})
    cookie = SimpleCookie(response.headers["Set-Cookie"])["session"]
    assert (cookie["samesite"], cookie["httponly"], cookie["path"]) == ("strict", True, "/")


def test_every_page_allows_only_files_of_its_own_host(bank: Bank, staff: WebUser) -> None:
    with browser_client(bank) as client:
        responses = [client.get("/login"), client.get("/none"), client.get("/static/bank.css")]
    responses.append(staff.client.get("/staff"))
    for response in responses:
        policy = response.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "unsafe" not in policy
        assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert [each.status_code for each in responses] == [200, 404, 200, 200]
    assert responses[-1].headers["Cache-Control"] == "no-store"


def test_a_session_ends_when_its_user_logs_out(staff: WebUser) -> None:
    cookies = dict(staff.client.cookies)
    assert staff.client.post("/logout").status_code == 303
    staff.client.cookies.update(cookies)
    assert staff.client.get("/staff").headers["Location"] == "/login"


@pytest.mark.parametrize(
    ("column", "interval"), [("used_at", "31 minutes"), ("began_at", "13 hours")]
)
def test_a_session_ends_if_it_is_not_used_or_is_old(
    bank: Bank, staff: WebUser, column: str, interval: str
) -> None:
    with bank.connect("web") as connection:
        connection.execute(
            f"UPDATE sessions SET {column} = now() - %s::interval WHERE user_name = %s",
            (interval, staff.name),
        )
    assert staff.client.get("/staff").headers["Location"] == "/login"


def test_a_wrong_password_and_an_unknown_user_get_the_same_error(bank: Bank) -> None:
    name = add_web_user(bank, Role.STAFF)
    with browser_client(bank) as client:
        pages = [
            client.post("/login", data={"user_name": each, "password": "wrong"})
            for each in (name, f"x{name}")
        ]
    assert {each.status_code for each in pages} == {422}
    assert all("The user name or the password is wrong." in each.text for each in pages)
    assert f'value="{name}"' in pages[0].text
    assert "wrong</" not in pages[0].text.replace("is wrong.</", "")


def test_guessing_a_password_stops_after_some_attempts_even_at_the_same_time(bank: Bank) -> None:
    name = add_web_user(bank, Role.STAFF)

    def guess(password: str) -> str:
        with browser_client(bank) as client:
            return client.post("/login", data={"user_name": name, "password": password}).text

    with ThreadPoolExecutor(4) as pool:
        pages = [*pool.map(guess, [f"wrong-{number}" for number in range(MOST_PER_USER + 3)])]
    assert sum("is wrong" in each for each in pages) <= MOST_PER_USER
    assert "too many attempts" in guess(PASSWORD)
    with bank.connect("web") as connection:
        connection.execute(
            "UPDATE login_attempts SET tried_at = now() - interval '16 minutes'"
            " WHERE user_name = %s",
            (name,),
        )
    with logged_in(bank, name) as user:
        assert user.client.get("/staff").status_code == 200


def test_a_new_password_ends_all_sessions(bank: Bank, staff: WebUser) -> None:
    new = {"old_password": PASSWORD, "new_password": "another good password"}
    wrong = staff.client.post("/password", data={**new, "old_password": "x"})
    assert (wrong.status_code, "This is not your password." in wrong.text) == (422, True)
    short = staff.client.post("/password", data={**new, "new_password": "short"})
    assert "Use 12 to 128 characters." in short.text
    with logged_in(bank, staff.name) as other:
        assert staff.client.post("/password", data=new).status_code == 303
        assert other.client.get("/staff").headers["Location"] == "/login"


def test_a_user_is_added_by_a_command(bank: Bank) -> None:
    name = f"user-{uuid4()}"
    add = ("users", "add", name, "--role", "staff")
    for password, expected in (("short", 1), (PASSWORD, 0), (PASSWORD, 1)):
        code, _, err = run_command(
            *add, env=bank.env, program="txbank", stdin=f"{password}\n".encode()
        )
        assert code == expected, err
        assert "Traceback" not in err
    with logged_in(bank, name) as user:
        assert user.client.get("/staff").status_code == 200


@pytest.mark.parametrize("transaction_id", ["_x1", "-a:b"])
def test_every_transaction_that_the_platform_can_list_has_a_page(
    holder: WebUser, own_account: OwnAccount, transaction_id: str
) -> None:
    path = f"/accounts/{own_account.account_id}/transactions/{transaction_id}"
    assert holder.client.get(path).status_code == 503  # the platform is asked, and is not there

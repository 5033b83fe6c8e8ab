"""The web bank as its users see it: logged-in HTTP clients and browsers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx

from harness.bank import Bank
from txbank.web.users import OwnAccount, Role, add_account, add_user

PASSWORD = "correct horse battery"  # of users that exist for one test


@dataclass(frozen=True)
class WebUser:
    """A user of the web bank, logged in."""

    name: str
    client: httpx.Client

    def form_id(self, path: str) -> str:
        """Return the id of the first form on a page that has one."""
        found = re.search(r'name="form_id" value="([^"]+)"', self.client.get(path).text)
        assert found, path
        return found[1]

    def submit(self, path: str, form_page: str | None = None, **fields: Any) -> httpx.Response:
        """Submit a form of a page, by default of the page at the path that it is sent to."""
        if "form_id" not in fields:
            fields["form_id"] = self.form_id(form_page or path)
        return self.client.post(path, data=fields)


def add_web_user(bank: Bank, role: Role, *accounts: OwnAccount, name: str | None = None) -> str:
    """Add a user to the web bank's database, and return the user's name."""
    name = name or f"user-{uuid4()}"
    with bank.connect("web") as connection:
        add_user(connection, name, PASSWORD, role)
        for account in accounts:
            add_account(connection, name, account)
    return name


def browser_client(bank: Bank) -> httpx.Client:
    """Return a client that sends `Origin` as a browser does, and follows no redirect."""
    return httpx.Client(base_url=bank.url("web"), headers={"Origin": bank.url("web")}, timeout=30)


@contextmanager
def logged_in(bank: Bank, name: str) -> Iterator[WebUser]:
    """Log in a user for the time of the context."""
    with browser_client(bank) as client:
        response = client.post("/login", data={"user_name": name, "password": PASSWORD})
        assert response.status_code == 303, response.text
        yield WebUser(name, client)

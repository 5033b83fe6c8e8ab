"""The cursors of lists: each list accepts its own only, with the filters that it was made for."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.bank import Bank, new_account
from txbank.errors import InvalidCursorError
from txbank.lists import Cursors

CURSORS = Cursors("payments", account_id="acc-1", state=None)
PRINTABLE = st.text(min_size=1).filter(str.isprintable)


def after(cursors: Cursors, last_id: str) -> str:
    """Return the cursor for what follows an item."""
    _, cursor = cursors.page([last_id, "next"], 1, str)
    assert cursor is not None
    return cursor


@given(PRINTABLE)
def test_a_list_reads_its_own_cursors(last_id: str) -> None:
    assert CURSORS.read(after(CURSORS, last_id), str) == last_id


@pytest.mark.parametrize(
    "other",
    [
        Cursors("accounts"),
        Cursors("payments", account_id="acc-2", state=None),
        Cursors("payments", account_id="acc-1", state="held"),
        Cursors("payments", account_id=None, state="acc-1"),
    ],
)
def test_a_list_refuses_the_cursors_of_another(other: Cursors) -> None:
    with pytest.raises(InvalidCursorError):
        CURSORS.read(after(other, "pay-1"), str)


@given(st.text() | PRINTABLE.map(lambda last: after(CURSORS, last)[1:]))
@example("")
@example("\x00")
@example("a" * 10_000)
@example("\ud800")
@example(after(CURSORS, "\x00"))
@example(f"{after(CURSORS, 'pay-1')}=")
@example(f"{after(CURSORS, 'pay-1')}\n")
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidCursorError):
        CURSORS.read(text, str)


def test_an_id_of_another_form_is_refused() -> None:
    with pytest.raises(InvalidCursorError):
        CURSORS.read(after(CURSORS, "pay-1"), int)


@pytest.mark.parametrize("found", [[], ["a"]])
def test_the_last_page_has_no_cursor(found: list[str]) -> None:
    assert CURSORS.page(found, 1, str) == (found, None)


@pytest.mark.parametrize(
    ("service", "path"),
    [
        ("accounts", "/v1/accounts"),
        ("payments", "/v1/payments"),
        ("notifications", "/v1/deliveries"),
    ],
)
@pytest.mark.parametrize("cursor", ["%00", "none", "", "1", "%F0%9F%92%A5", "x" * 5000, "%ff"])
def test_a_cursor_that_is_none_is_refused_by_every_list(
    bank: Bank, service: str, path: str, cursor: str
) -> None:
    with bank.client(service) as client:
        response = client.get(f"{path}?cursor={cursor}")
    assert (response.status_code, response.json()["type"]) == (422, "/problems/invalid-cursor")
    assert [each["pointer"] for each in response.json()["errors"]] == ["/cursor"]


def test_a_cursor_of_another_list_is_refused(
    accounts: httpx.Client, payments: httpx.Client, notifications: httpx.Client
) -> None:
    for _ in range(2):
        assert accounts.post("/v1/accounts", json=new_account()).status_code == 201
    cursor = accounts.get("/v1/accounts?limit=1").json()["next_cursor"]
    assert accounts.get("/v1/accounts", params={"cursor": cursor}).status_code == 200
    for client, path in ((payments, "/v1/payments"), (notifications, "/v1/deliveries")):
        response = client.get(path, params={"cursor": cursor})
        assert (response.status_code, response.json()["type"]) == (422, "/problems/invalid-cursor")

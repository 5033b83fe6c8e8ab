"""The forms of the web bank: errors beside fields, typed text is kept, nothing is half done."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest
from markupsafe import escape

from harness.bank import IBAN, Bank
from harness.web import PASSWORD, WebUser, add_web_user, logged_in
from txbank.web.users import OwnAccount, Role

BOOK = "/staff/accounts/new"


def booking(**other: str) -> dict[str, str]:
    """Return the fields of the form that books an account, for a new user."""
    return {
        "form_id": str(uuid4()),
        "name": "Ada Lovelace",
        "email": "ada@example.org",
        "user_name": f"ada-{uuid4()}",
        "password": PASSWORD,
        "product": "gold",
        "currency": "EUR",
        "limit": "2500",
        **other,
    }


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"name": " "}, "Enter the holder's name."),
        ({"name": "x" * 201}, "Use at most 200 characters."),
        ({"name": "a\x00b"}, "Use one line of plain text."),
        ({"email": "ada"}, "Enter an address such as ada@example.org."),
        ({"limit": ""}, "Enter an amount, such as 123.45."),
        ({"limit": "2,500"}, "Write the amount with digits and a point, such as 123.45."),
        ({"limit": "-1"}, "Write the amount with digits and a point"),
        ({"limit": "1e3"}, "Write the amount with digits and a point"),
        ({"limit": "0.001"}, "0.001 has too many decimals; EUR has 2."),
        ({"limit": "9999999999999999"}, "The amount has to be less."),
        ({"limit": "50000.01"}, "The product gold allows at most 50,000.00 EUR."),
        ({"currency": "JPY", "limit": "1.5"}, "1.5 has too many decimals; JPY has 0."),
        ({"currency": "XXX"}, "Choose one of the options."),
        ({"product": "business", "currency": "CHF"}, "not offered in CHF"),
        ({"user_name": "Ada & co"}, "Use small letters, digits and . @ _ + -, such as ada-l."),
        ({"password": "short"}, "Use 12 to 128 characters for the password."),
        ({"form_id": "x"}, "The form was damaged on its way."),
    ],
)
def test_a_wrong_field_gets_an_error_and_nothing_is_done_or_lost(
    bank: Bank, accounts: httpx.Client, staff: WebUser, fields: dict[str, str], error: str
) -> None:
    typed = booking(**fields)
    response = staff.submit(BOOK, **typed)
    assert response.status_code == 422
    assert str(escape(error)) in response.text
    for name in ("email", "user_name", "limit"):
        assert f'value="{escape(typed[name])}"' in response.text
    if "form_id" not in fields:
        name = next(iter(fields)) if len(fields) == 1 else ""
        assert f'id="{name}-error"' in response.text or not name
        assert accounts.get(f"/v1/accounts/acc-{typed['form_id']}").status_code == 404
    with bank.connect("web") as connection:
        found = connection.execute(
            "SELECT 1 FROM users WHERE user_name = %s", (typed["user_name"],)
        )
        assert found.fetchone() is None


def test_a_form_that_is_sent_twice_books_one_account(
    accounts: httpx.Client, staff: WebUser
) -> None:
    typed = booking()
    first, second = (staff.submit(BOOK, **typed) for _ in range(2))
    assert (first.status_code, second.status_code) == (303, 303)
    assert first.headers["Location"] == second.headers["Location"]
    other = staff.submit(BOOK, **{**typed, "name": "Someone Else"})
    assert (other.status_code, "Nothing was done now." in other.text) == (422, True)
    assert typed["form_id"] not in other.text
    account = accounts.get(f"/v1/accounts/acc-{typed['form_id']}").json()
    assert account["holder"]["name"] == "Ada Lovelace"


def test_forms_that_are_sent_at_the_same_time_book_one_account_and_one_user(
    staff: WebUser,
) -> None:
    def book(typed: dict[str, str]) -> httpx.Response:
        return staff.submit(BOOK, **typed)

    with ThreadPoolExecutor(4) as pool:
        same = booking()
        responses = [*pool.map(book, [same] * 4)]
        assert {each.status_code for each in responses} == {303}
        assert len({each.headers["Location"] for each in responses}) == 1
        name = f"ada-{uuid4()}"
        rivals = [booking(user_name=name, password=f"{PASSWORD} {each}") for each in range(4)]
        responses = [*pool.map(book, rivals)]
    lost = [each for each in responses if each.status_code == 422]
    assert (len(lost), {each.status_code for each in responses}) == (3, {303, 422})
    assert all("This user exists already." in each.text for each in lost)
    assert {book({**typed, "password": ""}).status_code for typed in rivals} == {303}


def test_a_booking_that_stopped_half_way_is_completed_by_the_same_form(
    bank: Bank, accounts: httpx.Client, staff: WebUser
) -> None:
    typed = booking()
    opened: dict[str, Any] = {
        "account_id": f"acc-{typed['form_id']}",
        "holder": {"name": typed["name"], "email": typed["email"]},
        "product": "gold",
        "currency": "EUR",
        "credit_limit": 250_000,
    }
    assert accounts.post("/v1/accounts", json=opened).status_code == 201
    assert staff.submit(BOOK, **typed).status_code == 303
    with logged_in(bank, typed["user_name"]) as holder:
        assert opened["account_id"] in holder.client.get("/").text


def test_an_account_is_given_only_to_a_cardholder_whom_staff_mean(
    bank: Bank, staff: WebUser
) -> None:
    of_staff = staff.submit(BOOK, **booking(user_name=staff.name))
    assert "This is a member of staff." in of_staff.text
    known = add_web_user(bank, Role.CARDHOLDER)
    mistaken = staff.submit(BOOK, **booking(user_name=known, password="another password"))
    assert "This user exists already." in mistaken.text
    assert staff.submit(BOOK, **booking(user_name=known, password="")).status_code == 303


def test_a_limit_and_a_status_change_once_for_each_form(
    accounts: httpx.Client, staff: WebUser, own_account: OwnAccount
) -> None:
    page = f"/staff/accounts/{own_account.account_id}"
    changes: list[tuple[str, dict[str, Any]]] = [
        (f"{page}/limit", {"limit": "12.50", "reason": "Asked for."}),
        (f"{page}/status", {"status": "frozen", "reason_code": "lost", "reason": "A call."}),
    ]
    for path, fields in changes:
        form_id = staff.form_id(page)
        for _ in range(2):
            assert staff.submit(path, form_id=form_id, **fields).status_code == 303
    account = accounts.get(f"/v1/accounts/{own_account.account_id}").json()
    assert (account["credit_limit"], account["limit_version"]) == (1_250, 1)
    assert (account["status"], account["status_version"]) == ("frozen", 1)
    wrong = staff.submit(f"{page}/limit", page, limit="", reason="<b>")
    assert (wrong.status_code, "Enter an amount" in wrong.text) == (422, True)
    assert 'value="&lt;b&gt;"' in wrong.text


def test_a_cardholder_undoes_only_the_own_freeze(
    holder: WebUser, staff: WebUser, accounts: httpx.Client, own_account: OwnAccount
) -> None:
    card = f"/accounts/{own_account.account_id}/card"
    account = f"/v1/accounts/{own_account.account_id}"
    for action, fields, status in (
        ("freeze", {"reason_code": "none"}, "frozen"),
        ("unfreeze", {}, "active"),
    ):
        form_id = holder.form_id(card)
        for _ in range(2):
            sent = holder.submit(f"{card}/{action}", form_id=form_id, **fields)
            assert sent.status_code == 303
            assert accounts.get(account).json()["status"] == status
    page = f"/staff/accounts/{own_account.account_id}"
    freeze = {"status": "frozen", "reason_code": "none", "reason": "To be checked."}
    assert staff.submit(f"{page}/status", page, **freeze).status_code == 303
    refused = holder.submit(f"{card}/unfreeze", form_id=str(uuid4()))
    assert (refused.status_code, "Only the bank can release" in refused.text) == (422, True)
    assert accounts.get(account).json()["status"] == "frozen"


def test_the_form_that_froze_a_card_releases_it_too(
    holder: WebUser, accounts: httpx.Client, own_account: OwnAccount
) -> None:
    card = f"/accounts/{own_account.account_id}/card"
    form_id = str(uuid4())  # the page that follows a time-out keeps it
    for action, status in (("freeze", "frozen"), ("unfreeze", "active")):
        sent = holder.submit(f"{card}/{action}", form_id=form_id, reason_code="none")
        assert sent.status_code == 303
        account = accounts.get(f"/v1/accounts/{own_account.account_id}").json()
        assert account["status"] == status


def test_a_payment_form_pays_once_and_keeps_what_was_typed(
    holder: WebUser, staff: WebUser, payments: httpx.Client, own_account: OwnAccount
) -> None:
    page = f"/accounts/{own_account.account_id}/payments"
    form_id = holder.form_id(page)
    typed = {"form_id": form_id, "amount": "42.50", "bank_account": "DE88370400440532013000"}
    wrong = holder.submit(page, **typed)
    assert (wrong.status_code, "is not a valid IBAN" in wrong.text) == (422, True)
    assert 'id="bank_account-error"' in wrong.text
    assert all(f'value="{each}"' in wrong.text for each in typed.values())
    for _ in range(2):
        assert holder.submit(page, **{**typed, "bank_account": IBAN}).status_code == 303
    items = payments.get("/v1/payments", params={"account_id": own_account.account_id}).json()
    assert [(each["amount"], each["state"]) for each in items["items"]] == [(4_250, "held")]

    act = f"/staff/payments/{form_id}"
    without = staff.submit(f"{act}/refuse", reason="", form_id=form_id)
    assert (without.status_code, "Enter a reason." in without.text) == (422, True)
    assert staff.submit(f"{act}/refuse", reason="Unknown.", form_id=form_id).status_code == 303
    late = staff.submit(f"{act}/release", reason="Known.", form_id=form_id)
    assert (late.status_code, "release needs one that is held" in late.text) == (422, True)
    assert 'value="Known."' in late.text  # although the payment is not in the list of held ones
    assert "Refused" in holder.client.get(page).text


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        ("", "Enter at least one clearing."),
        ("{}\n[]", "Line 2 is not a JSON object, so no line was sent."),
        ('{"a": 1}\nx', "Line 2 is not a JSON object, so no line was sent."),
        ("{}\n" * 201, "Send at most 200 lines at once."),
        ('{}\n{"clearing_id": "\\ud800"}', "Line 2 has a number or a character that"),
        ('{"amount": NaN}', "Line 1 has a number or a character that cannot be sent"),
        ('{"amount": 1e999}', "Line 1 has a number or a character that cannot be sent"),
        (f'{{"amount": {"1" * 5_000}}}', "Line 1 has a number or a character that cannot be sent"),
        ('{"a": ' + "[" * 9_000 + "]" * 9_000 + "}", "Line 1 is not a JSON object"),
        ('{"amount": 1, "amount": 2}', "Line 1 has a name twice, so no line was sent."),
        ('{"merchant": {"id": "a", "id": "b"}}', "Line 1 has a name twice"),
        ("[" * 9_000, "Line 1 is not a JSON object, so no line was sent."),
        ("1", "Line 1 is not a JSON object, so no line was sent."),
    ],
)
def test_a_batch_that_cannot_be_read_is_not_sent(staff: WebUser, lines: str, error: str) -> None:
    response = staff.submit("/staff/settlement", lines=lines)
    assert response.status_code == 422
    assert error in response.text
    assert str(escape(lines.strip())) in response.text


def test_a_line_separator_within_a_text_does_not_end_a_line(staff: WebUser) -> None:
    line = '{"clearing_id": "a\u2028b"}'
    response = staff.submit("/staff/settlement", lines=line)
    assert "does not respond now" in response.text  # so it was sent to the platform
    assert str(escape(line)) in response.text


def test_too_large_a_form_gets_a_page(staff: WebUser) -> None:
    response = staff.submit("/staff/settlement", lines="x" * 70_000)
    assert (response.status_code, "too much at once" in response.text) == (413, True)


def test_a_purchase_that_the_platform_does_not_decide_in_time_can_be_sent_again(
    holder: WebUser, own_account: OwnAccount
) -> None:
    page = f"/accounts/{own_account.account_id}/purchase"
    typed = {"shop": "<b>Books</b>", "amount": "12.50", "category": "5411", "country": "DEU"}
    form_id = holder.form_id(page)
    response = holder.submit(page, form_id=form_id, **typed)
    assert response.status_code == 422
    assert "does not respond now" in response.text
    assert f'value="{form_id}"' in response.text
    assert 'value="&lt;b&gt;Books&lt;/b&gt;"' in response.text
    assert holder.client.get(f"/accounts/{own_account.account_id}").status_code == 503
    assert "not available now" in holder.client.get("/").text

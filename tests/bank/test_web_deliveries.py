"""Staff's page of failed deliveries."""

from __future__ import annotations

from harness.bank import Bank
from harness.web import WebUser

TOPIC = "transactions.authorization-decided.v1"


def fail(bank: Bank, account_id: str) -> int:
    """Store a failed mail to the holder of an unknown account, and return its id."""
    with bank.connect("notifications") as connection:
        row = connection.execute(
            "INSERT INTO deliveries (event_id, topic, account_id, body, traceparent, state,"
            " attempts, last_error) VALUES (%s, %s, %s, '{}', '', 'failed', 3, '<b>550</b> no')"
            " RETURNING delivery_id",
            (f"event-{account_id}", TOPIC, account_id),
        ).fetchone()
    assert row is not None
    return int(row["delivery_id"])


def test_staff_see_a_failed_delivery_and_try_it_again(
    bank: Bank, staff: WebUser, account_id: str
) -> None:
    delivery_id = fail(bank, account_id)
    page = staff.client.get("/staff/deliveries").text
    assert account_id in page
    assert "&lt;b&gt;550&lt;/b&gt; no" in page
    assert "by e-mail" in page
    again = staff.client.post(f"/staff/deliveries/{delivery_id}/retry")
    assert (again.status_code, again.headers["Location"]) == (303, "/staff/deliveries")
    assert account_id not in staff.client.get("/staff/deliveries").text


def test_trying_a_delivery_that_is_gone_says_so(staff: WebUser) -> None:
    response = staff.client.post(f"/staff/deliveries/{2**62}/retry")
    assert response.status_code == 422
    assert "waits or has failed." in response.text

"""The bank and the platform together: each decides on while the other is away."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import httpx

from harness.api import balance, purchase
from harness.bank import Bank, new_account, new_payment
from harness.everything import Everything
from harness.waiting import wait_until


def limit_of(platform: httpx.Client, account_id: str) -> int | None:
    """Return the credit limit of an account at the platform; None if it is not open there yet."""
    response = platform.get(f"/v1/accounts/{account_id}/balance")
    return response.json()["credit_limit"] if response.status_code == 200 else None


def age(bank: Bank, account_id: str) -> None:
    """Make an account old for the risk check of payments."""
    with bank.connect("payments") as connection:
        opened_at = datetime.now(UTC) - timedelta(days=365)
        changed = connection.execute(
            "UPDATE known_accounts SET opened_at = %s WHERE account_id = %s",
            (opened_at, account_id),
        )
        assert changed.rowcount == 1


def knows(bank: Bank, account_id: str) -> bool:
    """Return whether payments knows an account."""
    with bank.connect("payments") as connection:
        found = connection.execute(
            "SELECT 1 FROM known_accounts WHERE account_id = %s", (account_id,)
        )
        return found.fetchone() is not None


def test_the_last_of_five_rapid_limit_changes_wins_everywhere(everything: Everything) -> None:
    ids = [f"acc-{number}" for number in range(10)]
    with everything.services() as (accounts, _), everything.platform() as platform:

        def change(job: tuple[str, int]) -> None:
            account_id, limit = job
            change = {"credit_limit": limit, "reason": "Asked for."}
            path = f"/v1/accounts/{account_id}/credit-limit"
            assert accounts.put(path, json=change).status_code == 200

        for account_id in ids:
            accounts.post("/v1/accounts", json=new_account(account_id))
        with ThreadPoolExecutor(5) as pool:
            list(pool.map(change, [(each, limit) for each in ids for limit in range(1, 6)]))
        for account_id in ids:
            account = accounts.get(f"/v1/accounts/{account_id}").json()
            assert account["limit_version"] == 5
            wait_until(
                lambda: limit_of(platform, account_id) == account["credit_limit"],  # noqa: B023
                message=f"the limit {account['credit_limit']} of {account_id}",
            )
        declined = purchase("t", ids[0], 6, currency="EUR")
        response = platform.post("/v1/process-transaction", json=declined).json()
        assert response["reasons"][0]["code"] == "insufficient_credit"


def test_a_payment_is_checked_against_the_balance_applied_and_undone_when_it_bounces(
    everything: Everything,
) -> None:
    with everything.services() as (accounts, payments), everything.platform() as platform:
        accounts.post("/v1/accounts", json=new_account("acc"))
        wait_until(lambda: limit_of(platform, "acc"), message="the account at the platform")
        wait_until(lambda: knows(everything.bank, "acc"), message="the account at payments")
        age(everything.bank, "acc")
        shop = purchase("t", "acc", 30_000, currency="EUR")
        assert platform.post("/v1/process-transaction", json=shop).json()["decision"] == "approved"
        more = payments.post("/v1/payments", json=new_payment("acc", amount=30_001)).json()
        assert (more["state"], more["reason"]) == ("held", "more_than_owed")
        assert more["balance_check"] == "platform"
        paid = payments.post("/v1/payments", json=new_payment("acc", amount=30_000)).json()
        assert (paid["state"], paid["balance_check"]) == ("accepted", "platform")
        wait_until(lambda: balance(platform, "acc")["posted"] == -30_000, message="the payment")
        path = f"/v1/payments/{paid['payment_id']}/return"
        assert payments.post(path, json={"reason": "AM04"}).status_code == 200
        wait_until(lambda: balance(platform, "acc")["posted"] == 0, message="the return")


def test_each_side_goes_on_while_the_other_is_down_and_both_agree_afterwards(
    everything: Everything,
) -> None:
    bank = everything.bank
    with ExitStack() as stack:
        accounts, payments = stack.enter_context(everything.services())
        with everything.platform() as platform:
            accounts.post("/v1/accounts", json=new_account("acc"))
            wait_until(lambda: limit_of(platform, "acc"), message="the account at the platform")
            wait_until(lambda: knows(bank, "acc"), message="the account at payments")
            age(bank, "acc")
        # The platform is down: accounts and payments go on.
        change = {"credit_limit": 40_000, "reason": "Asked for."}
        assert accounts.put("/v1/accounts/acc/credit-limit", json=change).status_code == 200
        small = payments.post("/v1/payments", json=new_payment("acc", amount=7_000)).json()
        assert (small["state"], small["balance_check"]) == ("accepted", "fallback")
        large = payments.post("/v1/payments", json=new_payment("acc", amount=25_000)).json()
        assert (large["state"], large["reason"]) == ("held", "balance_unknown")
        release = {"reason": "Known to us."}
        path = f"/v1/payments/{large['payment_id']}/release"
        assert payments.post(path, json=release).json()["state"] == "accepted"
        path = f"/v1/payments/{small['payment_id']}/return"
        assert payments.post(path, json={"reason": "AM04"}).json()["state"] == "returned"
        bank.wait_until_published("accounts")
        bank.wait_until_published("payments")
        stack.close()
        with everything.platform() as platform:
            # The bank is down: what it told waits on the topics, and purchases are decided.
            wait_until(lambda: balance(platform, "acc")["posted"] == -25_000, message="payments")
            wait_until(lambda: limit_of(platform, "acc") == 40_000, message="the lower limit")
            shop = purchase("t", "acc", 65_000, currency="EUR")
            decision = platform.post("/v1/process-transaction", json=shop).json()
            assert decision["decision"] == "approved"
            assert decision["balance"]["available"] == 0
            with everything.services() as (accounts, payments):
                assert accounts.get("/v1/accounts/acc").json()["credit_limit"] == 40_000
                states = [each["state"] for each in payments.get("/v1/payments").json()["items"]]
                assert states == ["accepted", "returned"]

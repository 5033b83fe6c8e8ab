"""The web bank and notifications are killed with -9 at any moment; all happens once in effect."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Event
from uuid import uuid4

import httpx
import pytest

from harness.api import balance
from harness.bank import IBAN, Bank, new_account, new_bank
from harness.everything import Everything
from harness.outbound import payment_applied, tell
from harness.postgres import PostgresServer
from harness.processes import Command
from harness.receiver import Receiver
from harness.waiting import wait_until
from harness.web import add_web_user, logged_in
from txbank.web.users import OwnAccount, Role

EVENTS, KILLS = 200, 6
FORMS = 24


def end_leases(bank: Bank) -> None:
    """Let deliveries that a killed process had claimed be due, instead of waiting a minute."""
    with bank.connect("notifications") as connection:
        connection.execute("UPDATE deliveries SET next_attempt_at = now()")


def open_webhooks(bank: Bank) -> int:
    """Return the number of webhooks that wait or have failed. Mails wait for accounts."""
    with bank.connect("notifications") as connection:
        row = connection.execute(
            "SELECT count(*) AS open FROM deliveries WHERE subscription_id IS NOT NULL"
        ).fetchone()
    assert row is not None
    return int(row["open"])


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3))
def test_kills_of_notifications_at_any_moment_lose_no_event_and_tell_each_once(
    postgres: PostgresServer, topics: str, seed: int
) -> None:
    chance = random.Random(seed)
    bank = new_bank(postgres, topics, notifications_internal_webhooks="true")
    events = [payment_applied("acc", number) for number in range(1, EVENTS + 1)]
    with Receiver() as receiver, Command("notifications", env=bank.env, program="txbank") as it:
        it.wait_ready()
        with bank.client("notifications") as client:
            wanted = {"url": receiver.url, "topics": [events[0].TOPIC]}
            assert client.post("/v1/subscriptions", json=wanted).status_code == 201
        tell(bank, *events[: EVENTS // 2], copies=2)
        for killed in range(KILLS):
            seen = len(receiver.requests)
            wait_until(lambda: len(receiver.requests) > seen + chance.randrange(8))  # noqa: B023
            it.kill()
            if killed == KILLS // 2:
                tell(bank, *events[EVENTS // 2 :], copies=2)  # while it is down
            it.start().wait_ready()
            end_leases(bank)
        told = {each.event_id for each in events}
        wait_until(
            lambda: {each.headers["webhook-id"] for each in receiver.requests} == told,
            message="all events",
        )
        wait_until(lambda: not open_webhooks(bank), message="the last success")
    # What was in the air at a kill may have come twice, with the same id.
    assert EVENTS <= len(receiver.requests) < EVENTS + KILLS * 50


@pytest.mark.long
def test_kills_of_the_web_bank_while_forms_are_sent_buy_and_pay_once(
    everything: Everything,
) -> None:
    bank, stop, chance = everything.bank, Event(), random.Random(1)
    with ExitStack() as stack:
        platform = stack.enter_context(everything.platform())
        for service in ("accounts", "payments"):
            stack.enter_context(bank.running(service))
        with bank.client("accounts") as accounts:
            opened = accounts.post("/v1/accounts", json=new_account()).json()
        account_id = opened["account_id"]
        wait_until(
            lambda: platform.get(f"/v1/accounts/{account_id}/balance").is_success,
            message="the account at the platform",
        )
        with bank.connect("payments") as connection:
            wait_until(
                lambda: connection.execute("SELECT FROM known_accounts").fetchone() is not None,
                message="the account at payments",
            )
        web = stack.enter_context(Command("web", env=bank.env, program="txbank"))
        web.wait_ready()
        own = OwnAccount(account_id, "EUR", "gold")
        user = stack.enter_context(logged_in(bank, add_web_user(bank, Role.CARDHOLDER, own)))

        def kill_often() -> None:
            while not stop.wait(chance.uniform(0.05, 0.4)):
                web.kill()
                web.start().wait_ready()

        def send(path: str, fields: dict[str, str]) -> None:
            """Send a form until there is a page, as a person does, and once more after that."""
            for _ in range(2):
                response = None
                while response is None or response.status_code == 503:
                    try:
                        response = user.client.post(path, data=fields)
                    except httpx.TransportError:
                        response = None
                assert response.status_code == 303, response.text

        with ThreadPoolExecutor(1) as killer:
            killing = killer.submit(kill_often)
            try:
                for number in range(FORMS):
                    path = f"/accounts/{account_id}"
                    common = {"form_id": str(uuid4()), "amount": "1.00"}
                    if number % 2:
                        send(f"{path}/payments", {**common, "bank_account": IBAN})
                    else:
                        shop = {"shop": "Corner Books", "category": "5411", "country": "DEU"}
                        send(f"{path}/purchase", {**common, **shop})
            finally:
                stop.set()
                killing.result()
        bank.wait_until_published("payments")
        expected = {"pending": FORMS // 2 * 100, "posted": -FORMS // 2 * 100}
        wait_until(
            lambda: expected.items() <= balance(platform, account_id).items(),
            message=f"{expected}",
        )
        with bank.client("payments") as payments:
            assert len(payments.get("/v1/payments").json()["items"]) == FORMS // 2

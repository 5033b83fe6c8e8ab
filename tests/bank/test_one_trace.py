"""One click is one tree of spans over all processes, and no spans are made if tracing is off."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.api import create_key, purchase, running_api
from harness.bank import new_account, new_bank, new_payment
from harness.mail_server import MailServer
from harness.postgres import PostgresServer, TestDatabase
from harness.processes import Command
from harness.receiver import Receiver
from harness.spans import SentSpan, received_spans
from harness.waiting import wait_until
from harness.web import add_web_user, logged_in
from txbank.web.users import OwnAccount, Role
from txplatform.demo.processes import free_port
from txplatform.tracing import process_tracer

PAYING, BUYING = "0af7651916cd43dd8448eb211c80319c", "1bf7651916cd43dd8448eb211c80319d"
CLICKING = "2cf7651916cd43dd8448eb211c80319e"
"""The ids of the traces."""
FORM = "1b671a64-40d5-491e-99b0-da01ff1f3341"
CLICK = "b7ad6b7169203331"
"""The span of the browser, which is the root of a tree."""

Edge = tuple[str, str, str]
"""The name of the parent, the service and the name of a span."""


def check_tree(collector: Receiver, trace_id: str, expected: set[Edge]) -> None:
    """Check that the spans of a trace are this tree, once all of them have arrived."""
    names = {name for _, _, name in expected}

    def arrived() -> list[SentSpan]:
        spans = [each for each in received_spans(collector) if each.trace_id == trace_id]
        return spans if {each.name for each in spans} >= names else []

    spans = wait_until(arrived, message=f"the spans {names}")
    parents = {CLICK: "click", **{each.span_id: each.name for each in spans}}
    assert {(parents[each.parent_id], each.service, each.name) for each in spans} == expected


def test_a_payment_a_purchase_and_a_click_are_one_tree_each_over_all_processes(
    postgres: PostgresServer, database: TestDatabase, service_env: dict[str, str], topics: str
) -> None:
    with Receiver() as collector, Receiver() as subscriber, MailServer() as mail_server:
        otel = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_BSP_SCHEDULE_DELAY": "100",
        }
        port = str(free_port())
        env = {
            **service_env,
            **otel,
            "TXPLATFORM_KAFKA_BOOTSTRAP_SERVERS": topics,
            "TXPLATFORM_KAFKA_GROUP_ID": database.name,
        }
        bank = new_bank(
            postgres,
            topics,
            platform_url=f"http://127.0.0.1:{port}",
            platform_key=create_key(env, "accounts:read", "transactions:write"),
            notifications_smtp_host="127.0.0.1",
            notifications_smtp_port=str(mail_server.port),
            notifications_smtp_security="none",
            notifications_internal_webhooks="true",
        )
        bank = replace(bank, env={**bank.env, **otel})
        with (
            bank.running("accounts"),
            bank.running("payments"),
            bank.running("notifications"),
            bank.running("web"),
            Command("worker", env=env) as worker,
            running_api(env, TXPLATFORM_API_PORT=port) as api,
            bank.client("accounts") as accounts,
            bank.client("payments") as payments,
            bank.client("notifications") as notifications,
        ):
            worker.wait_ready()
            accounts.post("/v1/accounts", json=new_account("acc"))
            wait_until(lambda: mail_server.mails, message="the account")
            wait_until(
                lambda: (
                    payments.post("/v1/payments", json=new_payment("acc")).json()["state"]
                    == "accepted"
                ),
                message="the account at payments",
            )
            topics_told = ["transactions.payment-applied.v1"]
            wanted = {"url": subscriber.url, "topics": topics_told}
            assert notifications.post("/v1/subscriptions", json=wanted).status_code == 201
            headers = {"traceparent": f"00-{PAYING}-{CLICK}-01"}
            payments.post("/v1/payments", json=new_payment("acc"), headers=headers)
            submitted, applied = "payments.payment-submitted.v1", topics_told[0]
            read_holder = "GET /v1/accounts/{account_id}"
            paid = {
                ("click", "txbank-payments", "POST /v1/payments"),
                ("POST /v1/payments", "txplatform-api", "GET /v1/accounts/{account_id}/balance"),
                ("POST /v1/payments", "txbank-payments", f"publish {submitted}"),
                ("POST /v1/payments", "txplatform-worker", f"process {submitted}"),
                (f"process {submitted}", "txplatform-worker", f"publish {applied}"),
                (f"process {submitted}", "txbank-notifications", f"process {applied}"),
                (f"process {applied}", "txbank-notifications", "send emails"),
                (f"process {applied}", "txbank-notifications", "send webhooks"),
                ("send emails", "txbank-accounts", read_holder),
            }
            check_tree(collector, PAYING, paid)
            assert any(PAYING in each.headers["traceparent"] for each in subscriber.requests)
            headers = {"traceparent": f"00-{BUYING}-{CLICK}-01"}
            shop = purchase("t", "acc", 1_250, currency="EUR")
            decision = api.client.post("/v1/process-transaction", json=shop, headers=headers)
            assert decision.json()["decision"] == "approved"
            assert decision.headers["X-Correlation-Id"] == BUYING
            decisioned = "transactions.transaction-decisioned.v1"
            bought = {
                ("click", "txplatform-api", "POST /v1/process-transaction"),
                ("POST /v1/process-transaction", "txplatform-worker", f"publish {decisioned}"),
                ("POST /v1/process-transaction", "txbank-notifications", f"process {decisioned}"),
                (f"process {decisioned}", "txbank-notifications", "send emails"),
                ("send emails", "txbank-accounts", read_holder),
            }
            check_tree(collector, BUYING, bought)
            form = "POST /accounts/{account_id}/purchase"
            clicked = {
                ("click", "txbank-web", form),
                *((form, *edge[1:]) if edge[0] == "click" else edge for edge in bought),
            }
            own = OwnAccount("acc", "EUR", "gold")
            with logged_in(bank, add_web_user(bank, Role.CARDHOLDER, own)) as user:
                user.client.headers["traceparent"] = f"00-{CLICKING}-{CLICK}-01"
                typed = {"shop": "Corner Books", "amount": "12.50", "category": "5411"}
                page = "/accounts/acc/purchase"
                sent = user.client.post(page, data={**typed, "country": "DEU", "form_id": FORM})
                assert sent.headers["Location"] == f"/accounts/acc/transactions/{FORM}"
            check_tree(collector, CLICKING, clicked)


@pytest.mark.parametrize(
    ("env", "on"),
    [
        ({}, False),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_TRACES_EXPORTER": "none"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_SDK_DISABLED": "true"}, False),
    ],
)
def test_the_standard_variables_turn_tracing_on(
    monkeypatch: pytest.MonkeyPatch, env: dict[str, str], *, on: bool
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert (process_tracer() is not None) is on

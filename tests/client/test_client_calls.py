"""The calls of both clients, with a real API on a real database."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import httpx
import psycopg
import pytest
from confluent_kafka import Producer

from harness.api import RunningApi
from harness.inbound import consuming, settings_for
from harness.postgres import TestDatabase
from harness.read_models import catch_up
from harness.waiting import wait_until
from txplatform_client import (
    Activation,
    AsyncClient,
    Clearing,
    ClearingItem,
    Client,
    ControlsChange,
    Discard,
    Increment,
    Merchant,
    Money,
    Opening,
    ProblemError,
    Purchase,
    Refund,
    Retries,
    Reversal,
    Shadowing,
    StatusChange,
)
from txplatform_client.kafka import PaymentSubmitted, build
from txplatform_client.pages import Pages

BOOKS = Merchant("Corner Books", id="m-17", category_code="5942", country="USA")

Send = Callable[..., Any]


@pytest.fixture(params=["Client", "AsyncClient"])
def send(request: pytest.FixtureRequest, api: RunningApi) -> Iterator[Send]:
    """A function that sends a call, given by its name, with one of the clients."""
    if request.param == "Client":
        with Client(api.url, api.key) as client:

            def at_once(name: str, *words: Any, **named: Any) -> Any:
                found = getattr(client, name)(*words, **named)
                return [*found] if isinstance(found, Pages) else found

            yield at_once
        return

    async def once(name: str, *words: Any, **named: Any) -> Any:
        async with AsyncClient(api.url, api.key) as client:
            found = getattr(client, name)(*words, **named)
            return await found if inspect.isawaitable(found) else [each async for each in found]

    yield lambda name, *words, **named: asyncio.run(once(name, *words, **named))


def purchase(account_id: str, amount: int = 1250, transaction_id: str = "tx-1") -> Purchase:
    return Purchase(
        transaction_id=transaction_id,
        account_id=account_id,
        amount=amount,
        currency="USD",
        merchant=BOOKS,
    )


@pytest.fixture
def opened(send: Send, account_id: str) -> str:
    """An account with a limit of 10,000."""
    send("open_account", Opening(account_id=account_id, currency="USD", credit_limit=10_000))
    return account_id


def test_an_approved_purchase_is_held(send: Send, opened: str) -> None:
    decision = send("decide_purchase", purchase(opened))
    assert decision.approved
    assert decision.money == Money(1250, "USD")
    balance = send("read_balance", opened)
    assert (balance.pending, str(balance.available_money)) == (1250, "87.50 USD")


def test_a_declined_purchase_is_no_error(send: Send, opened: str) -> None:
    decision = send("decide_purchase", purchase(opened, 10_001))
    assert not decision.approved
    assert [reason.code for reason in decision.reasons] == ["insufficient_credit"]


def test_a_dry_run_records_nothing(send: Send, opened: str) -> None:
    tried = send("try_purchase", purchase(opened))
    assert (tried.decision, tried.dry_run, tried.event_id) == ("approved", True, None)
    assert send("read_balance", opened).pending == 0


def test_a_used_id_with_other_fields_is_a_problem_that_names_the_field(
    send: Send, opened: str
) -> None:
    send("decide_purchase", purchase(opened))
    with pytest.raises(ProblemError) as refused:
        send("decide_purchase", purchase(opened, 999))
    problem = refused.value.problem
    assert (problem.type, problem.status) == ("/problems/id-reused", 409)
    assert refused.value.type == "id-reused"
    assert [each.pointer for each in problem.errors] == ["/amount"]
    assert refused.value.next_step
    assert refused.value.detail in str(refused.value)


def test_a_hold_is_incremented_and_reversed(send: Send, opened: str) -> None:
    send("decide_purchase", purchase(opened))
    raised = send(
        "increment_authorization", opened, "tx-1", Increment(increment_id="i-1", amount=750)
    )
    assert (raised.decision, raised.balance.pending) == ("approved", 2000)
    part = send("reverse_authorization", opened, "tx-1", Reversal(reversal_id="r-1", amount=500))
    assert (part.released, part.balance.pending) == (500, 1500)
    rest = send("reverse_authorization", opened, "tx-1", Reversal(reversal_id="r-2"))
    assert (rest.amount, rest.released, rest.balance.pending) == (None, 1500, 0)


def test_a_balance_is_read_again_only_if_it_changed(send: Send, opened: str) -> None:
    version = send("read_balance", opened).account_version
    assert send("read_balance_if_changed", opened, version) is None
    send("decide_purchase", purchase(opened))
    assert send("read_balance_if_changed", opened, version).pending == 1250


def test_a_frozen_account_declines_until_it_is_active_again(send: Send, opened: str) -> None:
    lost = StatusChange(status_id="s-1", status="frozen", reason="Lost.", reason_code="lost")
    assert send("set_status", opened, lost).reason_code == "lost"
    assert send("decide_purchase", purchase(opened)).response_code == "41"
    send("set_status", opened, StatusChange(status_id="s-2", status="active", reason="Found."))
    assert send("decide_purchase", purchase(opened, transaction_id="tx-2")).approved


def test_the_controls_of_an_account_are_replaced_and_read(send: Send, opened: str) -> None:
    rules = [{"rule": "amount_limit", "max_amount": 100, "currency": "USD"}]
    change = ControlsChange(controls_id="c-1", rules=rules, reason="The cardholder asked for it.")
    changed = send("set_controls", opened, change)
    assert send("read_controls", opened).rules == changed.rules
    refused = send("decide_purchase", purchase(opened))
    assert [reason.code for reason in refused.reasons] == ["amount_limit_exceeded"]


@pytest.mark.parametrize("account", ["", ".", ".."])
def test_an_id_that_would_change_the_path_is_refused(send: Send, account: str) -> None:
    with pytest.raises(ValueError, match="cannot be an id"):
        send("read_balance", account)


def test_an_id_with_a_slash_stays_one_segment_of_the_path(send: Send) -> None:
    with pytest.raises(ProblemError) as refused:
        send("read_balance", "a/b")
    assert refused.value.problem.status in {404, 422}


def test_the_trace_context_of_the_caller_is_recorded(api: RunningApi, account_id: str) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with Client(api.url, api.key, traceparent=lambda: trace) as client:
        client.open_account(Opening(account_id=account_id, currency="USD", credit_limit=1))
    (event,) = api.client.get(f"/v1/accounts/{account_id}/events").json()["items"]
    assert event["traceparent"].split("-")[1] == trace.split("-")[1]


def test_a_purchase_is_cleared_and_refunded(send: Send, opened: str) -> None:
    send("decide_purchase", purchase(opened))
    clearing = Clearing(clearing_id="c-1", amount=1200, currency="USD", final=False)
    cleared = send("clear_purchase", opened, "tx-1", clearing)
    assert (cleared.status, cleared.released, cleared.balance.posted) == ("applied", 1200, 1200)
    refund = Refund(refund_id="f-1", amount=200, currency="USD", transaction_id="tx-1")
    assert send("refund_purchase", opened, refund).balance.posted == 1000
    found = send("read_transaction", opened, "tx-1")
    assert (found.state, found.hold, found.posted, found.refunded) == ("held", 50, 1200, 200)
    assert [event.type for event in found.events] == [
        "authorization-approved",
        "purchase-cleared",
        "purchase-refunded",
    ]
    version = found.events[-1].account_version
    assert send("read_transaction_if_changed", opened, "tx-1", version) is None
    assert send("read_transaction_if_changed", opened, "tx-1", version - 1) == found


def test_a_batch_reports_each_item(send: Send, opened: str) -> None:
    good = ClearingItem(account_id=opened, clearing_id="c-1", amount=300, currency="USD")
    early = ClearingItem(account_id=f"{opened}-2", clearing_id="c-1", amount=5, currency="USD")
    bad = ClearingItem(account_id=opened, clearing_id="c-2", amount=5, currency="EUR")
    results = send("clear_purchases", [good, early, bad])
    assert (results.clean, results.waiting, results.bad, results.retry) == (1, 1, 1, 0)
    assert [each.result for each in results.items] == ["clean", "waiting", "bad"]
    assert (results.items[2].reason, results.items[2].field) == ("currency_mismatch", "currency")
    assert results.items[0].clearing.balance.posted == 300
    again = send("clear_purchases", [good])
    assert again.items[0].replayed


def test_lists_are_read_over_all_their_pages(api: RunningApi, opened: str) -> None:
    with Client(api.url, api.key) as client:
        for number in range(7):
            client.refund_purchase(
                opened, Refund(refund_id=f"f-{number}", amount=10 + number, currency="USD")
            )
        postings = client.list_postings(opened, limit=3)
        assert [each.amount for each in postings] == [-16, -15, -14, -13, -12, -11, -10]
        first = postings.page()
        assert (len(first.items), first.posted) == (3, -91)
        second = client.list_postings(opened, limit=3, cursor=first.next_cursor).page()
        assert [each.business_id for each in second.items] == ["f-3", "f-2", "f-1"]
        assert [*client.list_postings(opened, kind="clearing")] == []
        events = client.list_account_events(opened, limit=3)
        assert [each.account_version for each in events] == [*range(1, 9)]
        assert client.list_account_events(opened, cursor=events.page().next_cursor).page().items


def test_the_lists_of_the_asynchronous_client_are_the_same(api: RunningApi, opened: str) -> None:
    async def refund_and_read() -> list[int]:
        async with AsyncClient(api.url, api.key) as client:
            for number in range(5):
                await client.refund_purchase(
                    opened, Refund(refund_id=f"f-{number}", amount=10 + number, currency="USD")
                )
            assert len((await client.list_postings(opened, limit=2).page()).items) == 2
            return [each.amount async for each in client.list_postings(opened, limit=2)]

    assert asyncio.run(refund_and_read()) == [-14, -13, -12, -11, -10]


def test_transactions_are_filtered(send: Send, api: RunningApi, opened: str) -> None:
    begin = send("read_balance", opened).as_of
    send("decide_purchase", purchase(opened, 100, "tx-1"))
    send("decide_purchase", purchase(opened, 99_999, "tx-2"))

    def listed(**filters: Any) -> list[str]:
        return [each.transaction_id for each in send("list_transactions", opened, **filters)]

    with psycopg.connect(api.env["TXPLATFORM_DATABASE_URL"], autocommit=True) as connection:
        catch_up(connection)
    assert listed() == ["tx-2", "tx-1"]
    assert listed(decision="declined") == ["tx-2"]
    assert listed(state="held") == ["tx-1"]
    assert listed(until=begin) == []
    assert listed(since=begin, limit=1) == ["tx-2", "tx-1"]


def test_a_time_without_an_offset_is_refused(send: Send, account_id: str) -> None:
    with pytest.raises(ValueError, match="offset"):
        send("list_transactions", account_id, since=datetime(2026, 11, 20))  # noqa: DTZ001


def test_a_ruleset_is_added_shadowed_and_activated(own_api: RunningApi) -> None:
    content = {
        "name": "strict",
        "version": 1,
        "rules": [{"rule": "amount_limit", "max_amount": 100, "currency": "USD"}],
    }
    with Client(own_api.url, own_api.key) as client:
        assert client.add_ruleset(content).id == "strict@1"
        shadowing = Shadowing(shadowing_id="sh-1", reason="Compare them first.")
        assert client.start_shadowing("strict@1", shadowing).ended_at is None
        assert [each.shadowing_id for each in client.list_shadowings("strict@1")] == ["sh-1"]
        assert [*client.list_disagreements("strict@1", "sh-1")] == []
        assert client.end_shadowing("strict@1", "sh-1").ended_at is not None
        activation = Activation(activation_id="a-1", reason="They agree.")
        assert client.activate_ruleset("strict@1", activation).ruleset == "strict@1"
        assert client.list_rulesets().page().active == "strict@1"
        assert [each.id for each in client.list_rulesets(limit=1)] == ["default@1", "strict@1"]
        found = client.read_ruleset("strict@1")
        assert (found.active, len(found.activations)) == (True, 1)


def test_a_parked_message_is_found_retried_and_discarded(
    database: TestDatabase, topics: str, own_api: RunningApi
) -> None:
    producer = Producer({"bootstrap.servers": topics})
    good = build(
        PaymentSubmitted(account_id="a", payment_id="p-1", amount=5, currency="USD"),
        source="/payments",
    )
    for value in (b"{}", b"[]", good.value):
        producer.produce(good.topic, value, good.key, headers=good.headers)
    producer.flush(30)
    with (
        consuming(settings_for(database, topics)),
        Client(own_api.url, own_api.key) as client,
    ):
        wait_until(lambda: len([*client.list_inbound_messages(limit=2)]) == 3)
        parked = [*client.list_inbound_messages(status="parked", topic=good.topic)]
        (waiting,) = client.list_inbound_messages(account_id="a", business_id="p-1")
        assert (waiting.status, {each.reason for each in parked}) == (
            "waiting",
            {"schema_violation"},
        )
        assert client.retry_inbound_message(parked[0].id).status == "parked"
        retried = client.retry_inbound_messages(
            Retries(topic=good.topic, reason="schema_violation")
        )
        assert (retried.parked, retried.next_after_id) == (2, None)
        discarded = client.discard_inbound_message(parked[0].id, Discard("Sent by mistake."))
        assert (discarded.status, discarded.resolution) == ("discarded", "Sent by mistake.")
        with pytest.raises(ProblemError, match="message-not-parked"):
            client.discard_inbound_message(parked[0].id, Discard("Again."))


def test_money_has_the_decimals_of_every_currency_of_the_platform(send: Send) -> None:
    listed = send("list_currencies")
    assert len(listed) > 150
    for currency in listed:
        assert Money(1, currency.code).decimals == currency.exponent


class LosesResponses(httpx.BaseTransport):
    """Loses the responses to the first two requests, which the API has carried out."""

    def __init__(self) -> None:
        self._way = httpx.HTTPTransport()
        self.sent: list[bytes] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request.read())
        response = self._way.handle_request(request)
        if len(self.sent) > 2:
            return response
        response.read()
        raise httpx.ReadTimeout("the response was lost")

    def close(self) -> None:
        self._way.close()


def test_a_purchase_whose_responses_are_lost_is_held_once(api: RunningApi, opened: str) -> None:
    transport = LosesResponses()
    with httpx.Client(transport=transport) as http:
        client = Client(api.url, api.key, http=http)
        assert client.decide_purchase(purchase(opened)).approved
        assert len(transport.sent) == 3
        assert len(set(transport.sent)) == 1
        assert client.read_balance(opened).pending == 1250

"""The calls of both clients, with a real API on a real database."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from harness.api import RunningApi
from txplatform_client import (
    AsyncClient,
    Client,
    ControlsChange,
    Increment,
    Merchant,
    Money,
    Opening,
    ProblemError,
    Purchase,
    Reversal,
    StatusChange,
)

BOOKS = Merchant("Corner Books", id="m-17", category_code="5942", country="USA")

Send = Callable[..., Any]


@pytest.fixture(params=["Client", "AsyncClient"])
def send(request: pytest.FixtureRequest, api: RunningApi) -> Iterator[Send]:
    """A function that sends a call, given by its name, with one of the clients."""
    if request.param == "Client":
        with Client(api.url, api.key) as client:
            yield lambda name, *words, **named: getattr(client, name)(*words, **named)
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
    assert (problem.type, problem.status) == ("id-reused", 409)
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

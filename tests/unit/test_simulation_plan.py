"""The simulated year: every real purchase once, and the messages that go with the purchases."""

from __future__ import annotations

from collections import Counter
from datetime import date
from itertools import pairwise

import pytest

from txplatform.contracts.messages import (
    AccountOpenedMessage,
    CreditLimitChangedMessage,
    MessageBody,
    PaymentReturnedMessage,
    PaymentSubmittedMessage,
    PresentmentReceivedMessage,
)
from txplatform.contracts.process_transaction import ProcessTransactionRequest
from txplatform.simulation.barnet import CARDS, LIMITS_MINOR, card_of, real_rows
from txplatform.simulation.network import HOTELS, account_id
from txplatform.simulation.plan import (
    LIMIT_CHANGED,
    OPENED,
    PRESENTED,
    RETURNED,
    SUBMITTED,
    Day,
    Message,
    plan,
)

CONTRACTS: dict[str, type[MessageBody]] = {
    OPENED: AccountOpenedMessage,
    LIMIT_CHANGED: CreditLimitChangedMessage,
    PRESENTED: PresentmentReceivedMessage,
    SUBMITTED: PaymentSubmittedMessage,
    RETURNED: PaymentReturnedMessage,
}


@pytest.fixture(scope="module")
def days() -> list[Day]:
    return list(plan(1))


@pytest.fixture(scope="module")
def messages(days: list[Day]) -> list[Message]:
    """All messages of the year, in the order in which they are sent."""
    return [message for day in days for message in day.messages]


def test_every_purchase_of_the_file_is_requested_once(days: list[Day]) -> None:
    """The file has 4,931 rows, of which 126 are refunds."""
    sent = [purchase for day in days for purchase in day.purchases]
    assert len({purchase["transaction_id"] for purchase in sent}) == len(sent)
    mistyped = [each for each in sent if each["transaction_id"].endswith("-mistyped")]
    assert all(each["amount"] > 2 * max(LIMITS_MINOR) for each in mistyped)
    meant = [each for each in sent if each not in mistyped]
    assert (len(meant), len(mistyped)) == (4931 - 126, 96)
    hotels = [each for each in meant if each["merchant"]["category_code"] == HOTELS]
    cleared = sum(row.amount for row in real_rows() if row.amount > 0)
    cleared_by_hotels = sum(
        row.amount
        for row in real_rows()
        if row.amount > 0 and row.merchant["category_code"] == HOTELS
    )
    assert cleared == 48_270_287
    requested = sum(each["amount"] for each in meant)
    assert requested - cleared == sum(each["amount"] for each in hotels) - cleared_by_hotels > 0


def test_the_presentments_add_up_to_the_total_of_the_file(messages: list[Message]) -> None:
    """The total is 476,662.15 pounds after refunds."""
    presented = {
        each.body["clearing_id"]: each.body for each in messages if each.topic == PRESENTED
    }
    sign = {"debit": 1, "credit": -1}
    total = sum(sign[body["direction"]] * body["amount"] for body in presented.values())
    assert total == 476_662_15
    corrections = [body for body in presented.values() if body["reverses_clearing_id"]]
    assert corrections
    for body in corrections:
        corrected = presented[body["reverses_clearing_id"]]
        assert (body["amount"], body["direction"]) == (corrected["amount"], "credit")
    refunds = [
        body
        for body in presented.values()
        if body["direction"] == "credit" and not body["reverses_clearing_id"]
    ]
    assert len(refunds) == 126
    copies = sum(each.topic == PRESENTED for each in messages) - len(presented)
    assert copies > 400


def test_each_purchase_is_presented_on_its_posting_date(days: list[Day]) -> None:
    requested = {each["transaction_id"]: day.date for day in days for each in day.purchases}
    delays = Counter(
        (day.date - requested[message.body["transaction_id"]]).days
        for day in days
        for message in day.messages
        if message.topic == PRESENTED and message.body["transaction_id"]
    )
    assert (min(delays), max(delays)) == (0, 16)
    assert delays[1] > delays[3] > delays[2] > delays[0] > 0


def test_purchases_abroad_have_their_original_amount() -> None:
    originals = Counter(row.original_currency for row in real_rows())
    assert originals == {"USD": 36, "EUR": 5, None: 4890}
    (genealogy,) = [row for row in real_rows() if row.merchant["name"] == "GENOPRO"]
    assert (genealogy.amount, genealogy.original_amount) == (130_464, 179_500)
    assert genealogy.merchant["country"] == "USA"


def test_every_request_and_message_conforms_to_the_contract(
    days: list[Day], messages: list[Message]
) -> None:
    for day in days:
        for purchase in day.purchases:
            assert ProcessTransactionRequest.model_validate(purchase).occurred_at is not None
    for message in messages:
        assert CONTRACTS[message.topic].model_validate(message.body).account_id == message.key


def test_days_come_in_order_and_accounts_are_opened_before_the_first_purchase(
    days: list[Day],
) -> None:
    assert all(before.date < after.date for before, after in pairwise(days))
    assert not days[0].purchases
    opened = {message.key for message in days[0].messages if message.topic == OPENED}
    assert opened == {account_id(1, card) for card in range(CARDS)}
    assert (days[1].date, days[-1].date) == (date(2017, 4, 1), date(2018, 4, 3))
    for day in days:
        assert all(each["occurred_at"].startswith(str(day.date)) for each in day.purchases)


def test_the_plan_is_the_same_every_time() -> None:
    """If a run is sent again, all its messages are therefore duplicates."""
    assert list(plan(3)) == list(plan(3))


def test_another_run_shares_no_id(days: list[Day]) -> None:
    def ids(of: list[Day]) -> set[str]:
        purchases = {each["transaction_id"] for day in of for each in day.purchases}
        bodies = [message.body for day in of for message in day.messages]
        payments = {body["payment_id"] for body in bodies if "payment_id" in body}
        return purchases | payments | {body["account_id"] for body in bodies}

    assert not ids(days) & ids(list(plan(2)))


def test_some_payments_come_twice_and_their_copies_are_equal(messages: list[Message]) -> None:
    copies: dict[str, list[Message]] = {}
    for message in messages:
        if message.topic == SUBMITTED:
            copies.setdefault(message.body["payment_id"], []).append(message)
    repeated = [each for each in copies.values() if len(each) > 1]
    assert len(repeated) > 50
    assert all(each[0] == other for each in repeated for other in each[1:])


def test_some_payments_precede_their_account_and_some_returns_their_payment(
    messages: list[Message],
) -> None:
    first: dict[tuple[str, str], int] = {}
    for position, message in enumerate(messages):
        about = message.body.get("payment_id", message.key)
        first.setdefault((message.topic, about), position)
    early_payments = [
        position
        for position, message in enumerate(messages)
        if message.topic == SUBMITTED and position < first[OPENED, message.key]
    ]
    assert len(early_payments) == 4
    returns = [about for topic, about in first if topic == RETURNED]
    before = [about for about in returns if first[RETURNED, about] < first[SUBMITTED, about]]
    assert 0 < len(before) < len(returns)


def test_a_return_repeats_account_amount_and_currency_of_its_payment(
    messages: list[Message],
) -> None:
    """The platform would park a return that differs."""
    fields = ("account_id", "amount", "currency")
    paid = {each.body["payment_id"]: each.body for each in messages if each.topic == SUBMITTED}
    returned = [each.body for each in messages if each.topic == RETURNED]
    assert returned
    for body in returned:
        payment = paid[body["payment_id"]]
        assert [body[name] for name in fields] == [payment[name] for name in fields]


def test_every_limit_changes_and_an_older_version_comes_late(messages: list[Message]) -> None:
    versions: dict[str, list[int]] = {}
    for message in messages:
        if message.topic == LIMIT_CHANGED:
            versions.setdefault(message.key, []).append(message.body["limit_version"])
    assert len(versions) == CARDS
    assert all(each == [2, 1] for each in versions.values())


def test_one_card_makes_all_purchases_at_a_merchant() -> None:
    assert card_of("TESCO STORE 2296", "COLNEY HATCH") == card_of(
        "TESCO STORE 2296", "COLNEY HATCH"
    )
    assert {row.card for row in real_rows()} == set(range(CARDS))

"""Decisions on commands, for accounts with a given history."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from msgspec.structs import replace

from harness.commands import (
    ACCOUNT,
    NOW,
    ORIGIN,
    clearing,
    limit_change,
    opening,
    payment,
    payment_return,
    purchase,
    refund,
)
from harness.streams import Stream, opened_stream
from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.advices import (
    Clearing,
    Correction,
    CreditLimitChange,
    Direction,
    Payment,
    Refund,
)
from txplatform.domain.commands import Command, decide
from txplatform.domain.commands.outcome import CommandRejectedError, Outcome, OutcomeStatus
from txplatform.domain.commands.prior_events import PriorEvents, TransactionNotReadError
from txplatform.domain.events import (
    AuthorizationApproved,
    AuthorizationDeclined,
    WaitingMessageRejected,
)
from txplatform.domain.events.clearings import corrections_of
from txplatform.domain.ids import AccountId
from txplatform.domain.money import MAX_BALANCE, Balance
from txplatform.domain.requests import Opening
from txplatform.domain.rules.velocity import VelocityCount
from txplatform.domain.rulesets import RuleSet


def status(outcome: Outcome | CommandRejectedError) -> str:
    """Return the status of an outcome, or the reason for a rejection."""
    return outcome.status if isinstance(outcome, Outcome) else outcome.reason


def test_a_purchase_within_the_limit_is_approved_and_held() -> None:
    """As in the example of docs/contracts.md, the event is version 2 and the amount is pending."""
    stream = opened_stream(500_000)
    outcome = stream.ask(purchase(ACCOUNT, "tx-1001", 1250))
    assert isinstance(outcome, Outcome)
    event = outcome.event
    assert isinstance(event, AuthorizationApproved)
    assert event.originator_version == 2
    assert (event.balance.pending, event.balance.available) == (1250, 498_750)
    assert stream.account().balance == event.balance
    assert stream.account().available == 498_750


def test_i6_a_purchase_may_use_all_available_credit_and_no_more() -> None:
    stream = opened_stream(1000)
    first = stream.ask(purchase(ACCOUNT, "a", 1000))
    second = stream.ask(purchase(ACCOUNT, "b", 1))
    assert isinstance(first, Outcome)
    assert isinstance(second, Outcome)
    assert isinstance(first.event, AuthorizationApproved)
    assert isinstance(second.event, AuthorizationDeclined)
    (reason,) = second.event.reasons
    assert (reason.code, reason.response_code) == ("insufficient_credit", "51")
    assert (reason.observed, reason.limit) == (1001, 1000)
    assert stream.account().pending == 1000


@pytest.mark.parametrize(
    ("given_open", "amount", "currency", "codes", "response_code"),
    [
        (False, 1, "USD", ["account_not_found"], "14"),
        (False, 10**6, "EUR", ["account_not_found"], "14"),
        (True, 1, "EUR", ["currency_mismatch"], "12"),
        (True, 10**6, "EUR", ["currency_mismatch"], "12"),
        (True, 10**6, "USD", ["insufficient_credit"], "51"),
    ],
)
def test_a_decline_names_every_reason_most_important_first(
    *, given_open: bool, amount: int, currency: str, codes: list[str], response_code: str
) -> None:
    stream = opened_stream() if given_open else Stream()
    outcome = stream.ask(purchase(ACCOUNT, "tx", amount, currency))
    assert isinstance(outcome, Outcome)
    assert isinstance(outcome.event, AuthorizationDeclined)
    assert [reason.code for reason in outcome.event.reasons] == codes
    assert outcome.event.response_code == response_code
    assert (outcome.event.balance is None) == (not given_open)


def test_an_account_verification_is_approved_even_over_the_limit() -> None:
    """Amount 0 asks whether the card is valid and holds nothing."""
    stream = opened_stream(1000)
    stream.ask(purchase(ACCOUNT, "a", 1000))
    stream.ask(limit_change(ACCOUNT, 1, 500))
    outcome = stream.ask(purchase(ACCOUNT, "verify", 0))
    assert isinstance(outcome, Outcome)
    assert isinstance(outcome.event, AuthorizationApproved)
    assert outcome.event.expires_at is None
    assert stream.account().pending == 1000


def test_the_merchants_time_neither_shortens_a_hold_nor_dodges_a_window() -> None:
    """Velocity windows and holds use the time of the decision."""
    stream = opened_stream(1000)
    stream.ruleset = RuleSet("busy", 1, rules=(VelocityCount(60, 1),))
    long_ago = NOW - timedelta(days=6)
    first = stream.ask(replace(purchase(ACCOUNT, "a", 1), occurred_at=long_ago))
    second = stream.ask(replace(purchase(ACCOUNT, "b", 1), occurred_at=long_ago))
    third = stream.ask(replace(purchase(ACCOUNT, "c", 1), occurred_at=NOW + timedelta(days=6)))
    assert isinstance(first, Outcome)
    assert isinstance(first.event, AuthorizationApproved)
    assert first.event.expires_at == NOW + timedelta(days=7)
    for refused in (second, third):
        assert isinstance(refused, Outcome)
        assert isinstance(refused.event, AuthorizationDeclined)


def test_an_authorization_code_is_derived_from_account_and_transaction() -> None:
    """A replay therefore gives the same code."""
    codes = set()
    for name, transaction_id in (("acc-1", "a"), ("acc-1", "b"), ("acc-2", "a"), ("acc-1", "a")):
        asked = replace(purchase(ACCOUNT, transaction_id, 0), account_id=AccountId(name))
        account = Account.unopened(asked.account_id)
        context = DecisionContext(NOW, lambda: "event", ORIGIN)
        decide(
            replace(opening(ACCOUNT, 1000), account_id=asked.account_id),
            account,
            PriorEvents(),
            context,
        )
        approved = decide(asked, account, PriorEvents(), context).event
        assert isinstance(approved, AuthorizationApproved)
        assert re.fullmatch("[A-Z2-7]{6}", approved.authorization_code)
        codes.add(approved.authorization_code)
    assert len(codes) == 3


def test_i3_the_same_purchase_again_gets_the_first_decision() -> None:
    """This holds even if a new decision would differ."""
    stream = opened_stream(1000)
    first = stream.ask(purchase(ACCOUNT, "a", 800))
    again = stream.ask(purchase(ACCOUNT, "a", 800))
    assert isinstance(first, Outcome)
    assert isinstance(again, Outcome)
    assert again.status is OutcomeStatus.DUPLICATE
    assert again.event == first.event
    assert stream.account().pending == 800


def test_a_copy_of_a_purchase_with_an_open_hold_changes_nothing() -> None:
    """The recorded decision is read first, and the cached account stays unchanged."""
    stream = Stream()
    stream.ask(opening(ACCOUNT, 1000))
    stream.ask(purchase(ACCOUNT, "tx-1", 100))
    account = stream.account()
    context = DecisionContext(NOW, lambda: "event", ORIGIN)
    with pytest.raises(TransactionNotReadError) as missing:
        decide(purchase(ACCOUNT, "tx-1", 100), account, PriorEvents(), context)
    assert missing.value.transaction_ids == ("tx-1",)
    assert (account.pending, account.version, list(account.pending_events)) == (100, 2, [])


def test_a_transaction_id_used_for_another_purchase_is_refused() -> None:
    stream = opened_stream(1000)
    stream.ask(purchase(ACCOUNT, "a", 800))
    assert status(stream.ask(purchase(ACCOUNT, "a", 801))) == "transaction_id_reused"
    assert stream.account().version == 2


def test_a_decline_on_an_unopened_account_stands_after_it_is_opened() -> None:
    """The caller already has the first response, so a copy gets the same response."""
    stream = Stream()
    stream.ask(purchase(ACCOUNT, "early", 10))
    stream.ask(opening(ACCOUNT, 1000))
    again = stream.ask(purchase(ACCOUNT, "early", 10))
    assert isinstance(again, Outcome)
    assert isinstance(again.event, AuthorizationDeclined)


def test_a_payment_lowers_the_posted_balance_and_its_return_raises_it_again() -> None:
    """The posted balance is negative after an overpayment."""
    stream = opened_stream()
    stream.ask(payment(ACCOUNT, "p", 300))
    assert (stream.account().posted, stream.account().available) == (-300, 1300)
    stream.ask(payment_return(ACCOUNT, "p", 300))
    assert stream.account().posted == 0


@pytest.mark.parametrize(
    ("command", "conflicting"),
    [
        (payment(ACCOUNT, "p", 300), payment(ACCOUNT, "p", 301)),
        (limit_change(ACCOUNT, 1, 10), limit_change(ACCOUNT, 1, 11)),
        (opening(ACCOUNT, 1000), opening(ACCOUNT, 1001)),
    ],
)
@pytest.mark.parametrize("given_open", [True, False])
def test_a_copy_is_a_duplicate_and_an_altered_copy_is_rejected(
    *,
    given_open: bool,
    command: Payment | CreditLimitChange | Opening,
    conflicting: Payment | CreditLimitChange | Opening,
) -> None:
    """This holds for applied and for waiting messages."""
    stream = opened_stream() if given_open else Stream()
    stream.ask(command)
    before = stream.account()
    assert status(stream.ask(command)) == "duplicate"
    assert status(stream.ask(conflicting)) == "conflicting_copy"
    assert stream.account() == before


@pytest.mark.parametrize("owed", [19_400, -5, 2000])
def test_an_account_that_moves_in_owes_its_opening_balance(owed: int) -> None:
    """It may exceed the limit. Purchases are decided on what is left."""
    stream = Stream()
    stream.ask(opening(ACCOUNT, 1000, opening_balance=owed))
    assert stream.account().balance == Balance(1000, owed, 0, 1000 - owed)
    stream.ask(purchase(ACCOUNT, "t", max(1, 1000 - owed)))
    assert isinstance(stream.events[-1], AuthorizationApproved) == (owed < 1000)


def test_i2_an_opening_balance_adds_up_with_payments_that_came_before_the_opening() -> None:
    stream = Stream()
    stream.ask(payment(ACCOUNT, "p", 300))
    stream.ask(opening(ACCOUNT, 1000, opening_balance=500))
    assert stream.account().posted == 200


def test_an_opening_balance_beyond_the_range_of_a_balance_is_rejected() -> None:
    for owed in (MAX_BALANCE + 1, -MAX_BALANCE - 1):
        stream = Stream()
        assert status(stream.ask(opening(ACCOUNT, 0, opening_balance=owed))) == (
            "balance_out_of_range"
        )
        assert stream.events == []
    assert status(stream.ask(opening(ACCOUNT, 0, opening_balance=-MAX_BALANCE))) == "applied"


def test_an_opening_without_a_time_is_a_copy_of_one_with_a_time() -> None:
    """HTTP callers need not give a time; the accounts team's event has one."""
    stream = opened_stream()
    without_time = replace(opening(ACCOUNT, 1000), opened_at=None)
    assert status(stream.ask(without_time)) == "duplicate"
    other_limit = replace(without_time, credit_limit=1001)
    assert status(stream.ask(other_limit)) == "conflicting_copy"


def test_an_older_limit_is_stale_and_has_no_effect() -> None:
    """The limit version decides, not the time of arrival."""
    stream = opened_stream()
    stream.ask(limit_change(ACCOUNT, 2, 2000))
    assert status(stream.ask(limit_change(ACCOUNT, 1, 1))) == "stale"
    assert status(stream.ask(limit_change(ACCOUNT, 1, 1))) == "duplicate"
    assert (stream.account().credit_limit, stream.account().limit_version) == (2000, 2)


def test_messages_before_the_opening_wait_and_are_applied_by_it() -> None:
    """Waiting messages do not change the balance."""
    stream = Stream()
    for command in (
        payment_return(ACCOUNT, "p", 300),
        payment(ACCOUNT, "p", 300),
        payment(ACCOUNT, "q", 50),
        limit_change(ACCOUNT, 2, 700),
        limit_change(ACCOUNT, 1, 600),
    ):
        assert status(stream.ask(command)) == "waiting"
    assert (stream.account().posted, stream.account().credit_limit) == (0, 0)
    stream.ask(opening(ACCOUNT, 1000))
    account = stream.account()
    assert (account.posted, account.credit_limit, dict(account.waiting)) == (-50, 700, {})


def test_a_waiting_message_in_another_currency_is_rejected_and_a_corrected_copy_applied() -> None:
    """A rejected message does not block other messages."""
    stream = Stream()
    stream.ask(payment(ACCOUNT, "p", 300, "EUR"))
    stream.ask(opening(ACCOUNT, 1000))
    rejected = stream.events[-1]
    assert isinstance(rejected, WaitingMessageRejected)
    assert (rejected.business_key, rejected.reason) == ("payment:p", "currency_mismatch")
    assert status(stream.ask(payment(ACCOUNT, "p", 300))) == "applied"
    assert stream.account().posted == -300


def test_a_waiting_return_of_another_amount_is_rejected_when_its_payment_arrives() -> None:
    """A corrected copy of the return is applied afterwards."""
    stream = opened_stream()
    stream.ask(payment_return(ACCOUNT, "p", 299))
    stream.ask(payment(ACCOUNT, "p", 300))
    assert isinstance(stream.events[-1], WaitingMessageRejected)
    assert status(stream.ask(payment_return(ACCOUNT, "p", 300))) == "applied"
    assert stream.account().posted == 0


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (payment(ACCOUNT, "p", 1, "EUR"), "currency_mismatch"),
        (limit_change(ACCOUNT, 1, 1, "EUR"), "currency_mismatch"),
        (payment_return(ACCOUNT, "paid", 2), "return_differs_from_payment"),
        (payment_return(ACCOUNT, "paid", 1, "EUR"), "return_differs_from_payment"),
        (Clearing("c", ACCOUNT, None, 1, "EUR"), "currency_mismatch"),
        (Refund("f", ACCOUNT, None, 1, "EUR"), "currency_mismatch"),
        (
            Correction("x", ACCOUNT, None, "c", Direction.CREDIT, 1, "EUR"),
            "currency_mismatch",
        ),
    ],
)
def test_commands_that_contradict_the_account_are_rejected(command: Command, reason: str) -> None:
    """Rejected commands change nothing."""
    stream = opened_stream()
    stream.ask(payment(ACCOUNT, "paid", 1))
    before = stream.account()
    assert status(stream.ask(command)) == reason
    assert stream.account() == before


@pytest.mark.parametrize(
    ("edge", "moving"),
    [
        (-MAX_BALANCE, lambda amount: payment(ACCOUNT, "p", amount)),
        (
            MAX_BALANCE,
            lambda amount: Clearing("c", ACCOUNT, None, amount, "USD"),
        ),
        (
            -MAX_BALANCE,
            lambda amount: Refund("f", ACCOUNT, None, amount, "USD"),
        ),
        (
            MAX_BALANCE,
            lambda amount: Correction("x", ACCOUNT, None, "r0", Direction.DEBIT, amount, "USD"),
        ),
        (
            -MAX_BALANCE,
            lambda amount: Correction("x", ACCOUNT, None, "c0", Direction.CREDIT, amount, "USD"),
        ),
        (MAX_BALANCE, lambda amount: payment_return(ACCOUNT, f"p{amount}", amount)),
    ],
    ids=["payment", "clearing", "refund", "corrected refund", "corrected clearing", "return"],
)
def test_amounts_beyond_the_range_of_a_balance_are_rejected(
    edge: int, moving: Callable[[int], Command]
) -> None:
    """Amounts up to the largest balance are accepted."""
    stream = opened_stream()
    originals: list[Command] = [
        *(payment(ACCOUNT, f"p{amount}", amount) for amount in (1, 2)),
        clearing(ACCOUNT, None, "c0", 2),
        refund(ACCOUNT, None, "r0", 2, presented=True),
    ]
    for earlier in originals:
        assert isinstance(stream.ask(earlier), Outcome)
    prior = PriorEvents()
    prior.update((event.key, event) for event in stream.events)
    prior.transactions.update(corrections_of(each) for each in ("c0", "r0"))
    account = stream.account()
    account.posted = edge - 1 if edge > 0 else edge + 1
    context = DecisionContext(NOW, lambda: "id", ORIGIN)
    with pytest.raises(CommandRejectedError) as refused:
        decide(moving(2), account, prior, context)
    assert refused.value.reason == "balance_out_of_range"
    decide(moving(1), account, prior, context)
    assert account.posted == edge

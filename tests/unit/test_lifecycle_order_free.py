"""Invariant I2 for whole transactions: any order, with copies, leads to the expected balance."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings

from harness.commands import ACCOUNT
from harness.reference_money import (
    ReferencePresentment,
    ReferencePresentments,
    ReferenceTransaction,
)
from harness.shuffled import TRANSACTIONS, Sent, arrive, shuffled_histories
from harness.streams import Stream
from txplatform.domain.account import Account
from txplatform.domain.advices import Clearing, Correction, Direction, Payment, Refund, Reversal
from txplatform.domain.events import AuthorizationApproved, AuthorizationIncremented, HoldExpired
from txplatform.domain.ids import TransactionId
from txplatform.domain.transaction import Transaction
from txplatform.eventstore.snapshot import account_state
from txplatform.processing.account_cache import pack_account, unpack_account


def _reference(  # noqa: C901  # one case for each kind of message
    stream: Stream, sent: Sent
) -> tuple[int, dict[str, int], ReferencePresentments]:
    """Return the expected posted balance, holds and presentments, given the decisions."""
    of = {name: ReferenceTransaction() for name in TRANSACTIONS}
    presentments, other = ReferencePresentments(), 0
    for event in stream.events:
        match event:
            case AuthorizationApproved():
                of[event.purchase.transaction_id].approved = event.purchase.amount
            case AuthorizationIncremented():
                increment = event.increment
                of[increment.transaction_id].increments.append(increment.amount)
            case HoldExpired():
                of[event.transaction].expired = True
    for command in sent.messages:
        match command:
            case Clearing(clearing_id=name, transaction_id=transaction, amount=amount):
                if transaction is not None:
                    of[transaction].clearings.append((amount, command.final))
                presentments[name] = ReferencePresentment(
                    amount, debit=True, transaction=transaction
                )
            case Correction(clearing_id=name):
                presentments[name] = ReferencePresentment(
                    command.amount,
                    debit=command.direction is Direction.DEBIT,
                    reverses=command.reverses_clearing_id,
                )
            case Reversal() as reversal:
                of[reversal.transaction_id].reversals.append(reversal.amount)
            case Refund(refund_id=name, presented=True):
                presentments[name] = ReferencePresentment(
                    command.amount, debit=False, transaction=command.transaction_id
                )
            case Refund() as refund:
                other -= refund.amount
            case Payment() as paid:
                other -= paid.amount
    holds = {name: reference.hold for name, reference in of.items()}
    return other + presentments.posted, holds, presentments


def _check(stream: Stream, sent: Sent) -> None:
    account = stream.account()
    posted, holds, presentments = _reference(stream, sent)
    assert account.posted == posted
    assert {name: account.held(TransactionId(name)) for name in TRANSACTIONS} == holds
    assert account.pending == sum(holds.values())
    waiting = {f"clearing:{name}" for name in presentments if presentments.waits(name)}
    assert account.waiting.keys() == waiting
    for name in TRANSACTIONS:
        events = [event for event in stream.events if event.transaction_id == name]
        assert Transaction.fold(events).posted == presentments.posted_for(name)
    # The state is bounded: only open holds stay in the account.
    assert account.holds.keys() == {name for name, hold in holds.items() if hold}
    packed = unpack_account(pack_account(account))
    assert account_state(packed) == account_state(account)


@settings(max_examples=300)
@given(shuffled_histories())
def test_i2_transactions_in_any_order_with_copies_lead_to_the_balance_of_the_formulas(
    sent: Sent,
) -> None:
    """Histories have clearings, corrections, reversals, refunds, increments and expiries."""
    stream = Stream()
    arrive(stream, sent)
    _check(stream, sent)


@settings(max_examples=200)
@given(shuffled_histories(limit=200))
def test_i2_is_true_even_if_credit_is_short_and_purchases_are_declined(sent: Sent) -> None:
    """Decisions depend on the order, and the balance follows from the decisions."""
    stream = Stream()
    arrive(stream, sent)
    _check(stream, sent)


@settings(max_examples=150)
@given(shuffled_histories(limit=200))
def test_i6_every_approval_fits_the_available_credit_with_the_already_posted_amount(
    sent: Sent,
) -> None:
    """The balance just before each decision counts. Increments are checked too."""
    stream = Stream()
    arrive(stream, sent)
    account = Account.unopened(ACCOUNT)
    for event in stream.events:
        match event:
            case AuthorizationApproved():
                assert event.purchase.amount <= account.available + event.already_posted
            case AuthorizationIncremented():
                assert event.increment.amount <= account.available
        event.mutate(account)
        balance = getattr(event, "balance", None)
        assert balance is None or balance == account.balance


@settings(max_examples=100)
@given(shuffled_histories())
def test_i3_sending_all_messages_again_changes_nothing(sent: Sent) -> None:
    """The second time, messages arrive in reverse order."""
    stream = Stream()
    arrive(stream, sent)
    before = len(stream.events)
    again = replace(sent, arrivals=[*reversed(sent.messages)])
    arrive(stream, again)
    ended = [event for event in stream.events[before:] if not isinstance(event, HoldExpired)]
    assert not ended

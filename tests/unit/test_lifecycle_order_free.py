"""I2 over whole lives: any order, duplicated and interleaved, ends in the money of the formulas."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from accounts import ACCOUNT, NOW, Stream, opening, payment, purchase
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_money import Life

from txplatform.domain.account import Account
from txplatform.domain.commands.authorize import Authorize
from txplatform.domain.commands.clear_purchase import ClearPurchase
from txplatform.domain.commands.correct_clearing import CorrectClearing
from txplatform.domain.commands.expire_hold import ExpireHold
from txplatform.domain.commands.increment_authorization import IncrementAuthorization
from txplatform.domain.commands.open_account import OpenAccount
from txplatform.domain.commands.outcome import CommandRejectedError, Outcome
from txplatform.domain.commands.receive_payment import ReceivePayment
from txplatform.domain.commands.refund_purchase import RefundPurchase
from txplatform.domain.commands.reverse_authorization import ReverseAuthorization
from txplatform.domain.events import (
    AuthorizationApproved,
    AuthorizationIncremented,
    HoldExpired,
)
from txplatform.domain.facts import Clearing, Correction, Direction, Increment, Refund, Reversal
from txplatform.domain.ids import TransactionId
from txplatform.eventstore.snapshot import account_state, pack_account, unpack_account

if TYPE_CHECKING:
    from txplatform.domain.commands.outcome import Command

TRANSACTIONS = ("t0", "t1", "t2")
AMOUNTS = st.integers(1, 300)
LIMIT = 100_000


@dataclass(frozen=True)
class Sent:
    """A set of messages without conflicts, and the order they arrive in, with copies."""

    messages: list[Command]
    arrivals: list[Command]


def _clearing(number: int, transaction: str | None, amount: int, final: bool) -> Clearing:  # noqa: FBT001  # drawn
    name = None if transaction is None else TransactionId(transaction)
    return Clearing(f"c{number}", ACCOUNT, name, amount, "USD", final)


@st.composite
def lives(draw: st.DrawFn, limit: int = LIMIT) -> Sent:
    """Any part of the lives of some transactions, shuffled, some of it sent more than once."""
    of = st.sampled_from(TRANSACTIONS)
    commands: list[Command] = [OpenAccount(opening(limit))]
    commands += [
        Authorize(purchase(name, draw(AMOUNTS))) for name in TRANSACTIONS if draw(st.booleans())
    ]
    for number in range(draw(st.integers(0, 6))):
        clearing = _clearing(
            number, draw(st.none() | of), draw(AMOUNTS), draw(st.booleans() | st.just(value=False))
        )
        commands.append(ClearPurchase(clearing))
        if draw(st.integers(0, 3)) == 0:
            commands.append(
                CorrectClearing(
                    Correction(
                        f"x{number}",
                        ACCOUNT,
                        clearing.transaction_id,
                        clearing.clearing_id,
                        Direction.CREDIT,
                        clearing.amount,
                        "USD",
                    )
                )
            )
    for number in range(draw(st.integers(0, 3))):
        name, amount = TransactionId(draw(of)), draw(st.none() | AMOUNTS)
        commands.append(ReverseAuthorization(Reversal(f"r{number}", name, ACCOUNT, amount)))
    for number in range(draw(st.integers(0, 3))):
        name, amount = TransactionId(draw(of)), draw(AMOUNTS)
        commands.append(IncrementAuthorization(Increment(f"i{number}", name, ACCOUNT, amount)))
    for number in range(draw(st.integers(0, 2))):
        named = draw(st.none() | of)
        refund = Refund(
            # A refund may have a clearing's or a transaction's id.
            draw(st.sampled_from([f"c{number}", f"t{number}", f"f{number}"])) + f"-{number}",
            ACCOUNT,
            None if named is None else TransactionId(named),
            draw(AMOUNTS),
            "USD",
        )
        commands.append(RefundPurchase(refund))
    if draw(st.booleans()):
        commands.append(ReceivePayment(payment("p", draw(AMOUNTS))))
    commands += [ExpireHold(ACCOUNT, TransactionId(name)) for name in draw(st.sets(of))]
    copies = draw(st.lists(st.sampled_from(commands), max_size=8))
    return Sent(commands, draw(st.permutations(commands + copies)))


def _arrive(stream: Stream, sent: Sent) -> None:
    """Send everything; only the end of a hold that is not there may be refused."""
    for command in sent.arrivals:
        expiring = isinstance(command, ExpireHold)
        stream.now = NOW + timedelta(days=40) if expiring else NOW
        outcome = stream.ask(command)
        assert isinstance(outcome, Outcome) or (
            expiring and isinstance(outcome, CommandRejectedError)
        )
        account = stream.account()
        assert account.pending == sum(amount for amount, _ in account.holds.values())
        assert all(amount > 0 for amount, _ in account.holds.values())


def _reference(  # noqa: C901  # one case a kind of message
    stream: Stream, sent: Sent
) -> tuple[int, dict[str, int]]:
    """Posted, and the hold of each transaction, given how the decisions came out."""
    lives = {name: Life() for name in TRANSACTIONS}
    other = 0
    for event in stream.events:
        match event:
            case AuthorizationApproved():
                lives[event.purchase.transaction_id].approved = event.purchase.amount
            case AuthorizationIncremented():
                increment = event.increment
                lives[increment.transaction_id].increments.append(increment.amount)
            case HoldExpired():
                lives[event.transaction].expired = True
    for command in sent.messages:
        match command:
            case ClearPurchase(clearing):
                life = lives.get(clearing.transaction_id or "", Life())
                life.clearings.append((clearing.amount, clearing.final))
                other += clearing.amount if clearing.transaction_id is None else 0
            case CorrectClearing(correction):
                other -= correction.amount
            case ReverseAuthorization(reversal):
                lives[reversal.transaction_id].reversals.append(reversal.amount)
            case RefundPurchase(refund):
                other -= refund.amount
            case ReceivePayment(paid):
                other -= paid.amount
    posted = other + sum(life.posted for life in lives.values())
    return posted, {name: life.hold for name, life in lives.items()}


def _check(stream: Stream, sent: Sent) -> None:
    account = stream.account()
    posted, holds = _reference(stream, sent)
    assert account.posted == posted
    assert {name: account.held(TransactionId(name)) for name in TRANSACTIONS} == holds
    assert account.pending == sum(holds.values())
    assert not account.waiting
    # Bounded: what holds nothing is not remembered.
    assert account.holds.keys() == {name for name, hold in holds.items() if hold}
    packed = unpack_account(account.id, pack_account(account))
    assert account_state(packed) == account_state(account)


@settings(max_examples=300)
@given(lives())
def test_i2_whole_lives_in_any_order_with_copies_end_in_the_money_of_the_formulas(
    sent: Sent,
) -> None:
    """Clearings, corrections, reversals, refunds, increments and expiry, around any decisions."""
    stream = Stream()
    _arrive(stream, sent)
    _check(stream, sent)


@settings(max_examples=200)
@given(lives(limit=200))
def test_i2_also_where_credit_is_short_and_some_are_declined(sent: Sent) -> None:
    """The outcomes differ with the order; given them the money does not."""
    stream = Stream()
    _arrive(stream, sent)
    _check(stream, sent)


@settings(max_examples=150)
@given(lives(limit=200))
def test_i6_what_is_approved_fits_what_was_available_with_what_was_given_back(sent: Sent) -> None:
    """At the very version it was decided on; a raised hold too."""
    stream = Stream()
    _arrive(stream, sent)
    account = Account.unopened(ACCOUNT)
    for event in stream.events:
        match event:
            case AuthorizationApproved():
                assert event.purchase.amount <= account.available + event.given_back
            case AuthorizationIncremented():
                assert event.increment.amount <= account.available
        event.mutate(account)
        balance = getattr(event, "balance", None)
        assert balance is None or balance == account.balance


@settings(max_examples=100)
@given(lives())
def test_i3_what_is_sent_again_as_a_whole_changes_nothing(sent: Sent) -> None:
    """The whole set a second time, backwards."""
    stream = Stream()
    _arrive(stream, sent)
    before = len(stream.events)
    again = replace(sent, arrivals=[*reversed(sent.messages)])
    _arrive(stream, again)
    ended = [event for event in stream.events[before:] if not isinstance(event, HoldExpired)]
    assert not ended

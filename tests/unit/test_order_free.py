"""Invariant I2: the same messages in any order, with copies, lead to the same balance.

The reference sums up sets of messages and shares no code with the platform.
"""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from harness.commands import ACCOUNT, limit_change, opening, payment, payment_return, purchase
from harness.streams import Stream
from txplatform.domain.commands import Command
from txplatform.domain.commands.outcome import Outcome
from txplatform.domain.events import AuthorizationApproved


@dataclass(frozen=True)
class Messages:
    """A set of messages without conflicts, and their order of arrival, including copies."""

    payments: dict[int, int]
    returned: frozenset[int]
    limits: dict[int, int]
    arrivals: list[Command]


@st.composite
def messages(draw: st.DrawFn) -> Messages:
    """Draw payments, returns and limits, shuffled, some sent more than once."""
    payments = draw(st.dictionaries(st.integers(0, 8), st.integers(1, 500), max_size=6))
    returned = draw(st.frozensets(st.sampled_from(sorted(payments)))) if payments else frozenset()
    limits = draw(st.dictionaries(st.integers(1, 6), st.integers(0, 5000), max_size=4))
    commands: list[Command] = [
        opening(ACCOUNT, 1000),
        *(payment(ACCOUNT, f"p{number}", amount) for number, amount in payments.items()),
        *(payment_return(ACCOUNT, f"p{number}", payments[number]) for number in returned),
        *(limit_change(ACCOUNT, version, limit) for version, limit in limits.items()),
    ]
    copies = draw(st.lists(st.sampled_from(commands), max_size=8))
    return Messages(payments, returned, limits, draw(st.permutations(commands + copies)))


@given(messages())
def test_i2_any_order_with_copies_leads_to_the_same_balance(sent: Messages) -> None:
    """Payments without a return lower the posted balance. The newest limit version counts."""
    stream = Stream()
    for command in sent.arrivals:
        assert isinstance(stream.ask(command), Outcome)
    account = stream.account()
    kept = [amount for number, amount in sent.payments.items() if number not in sent.returned]
    assert account.posted == -sum(kept)
    assert account.credit_limit == (sent.limits[max(sent.limits)] if sent.limits else 1000)
    assert account.waiting == {}


@given(messages(), st.data())
def test_i2_pending_is_the_sum_of_approved_purchases_between_messages(
    sent: Messages, data: st.DataObject
) -> None:
    """Decisions depend on the order, and the balance follows from decisions and messages."""
    stream = Stream()
    held = 0
    for number, command in enumerate(sent.arrivals):
        stream.ask(command)
        amount = data.draw(st.integers(0, 900))
        asked = purchase(ACCOUNT, f"t{number}", amount)
        before = stream.account()
        outcome = stream.ask(asked)
        assert isinstance(outcome, Outcome)
        if isinstance(outcome.event, AuthorizationApproved):
            held += amount
            assert amount == 0 or amount <= before.available
        assert stream.ask(asked) == Outcome(type(outcome.status).DUPLICATE, outcome.event)
    account = stream.account()
    kept = [amount for number, amount in sent.payments.items() if number not in sent.returned]
    assert (account.pending, account.posted) == (held, -sum(kept))


@given(messages())
def test_i7_versions_are_contiguous_and_keys_unique_whatever_arrives(sent: Messages) -> None:
    """`Stream.ask` checks each append; this test checks the whole stream."""
    stream = Stream()
    for command in sent.arrivals:
        stream.ask(command)
    assert [event.originator_version for event in stream.events] == [
        *range(1, len(stream.events) + 1)
    ]
    keys = [event.key for event in stream.events]
    assert len(set(keys)) == len(keys)

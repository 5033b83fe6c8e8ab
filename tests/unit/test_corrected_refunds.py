"""The effect of corrections on late authorizations and on the sums of a transaction.

The funds check of a late authorization adds back the amount that is already posted: clearings less
their corrections. Corrections of refunds do not count.
"""

from __future__ import annotations

from itertools import permutations

import pytest

from harness.commands import ACCOUNT, clearing, correction, opening, purchase, refund
from harness.streams import Stream
from txplatform.domain.advices import Direction, Reversal
from txplatform.domain.commands import Command
from txplatform.domain.commands.outcome import Outcome
from txplatform.domain.events import (
    AuthorizationApproved,
    AuthorizationDeclined,
    PurchaseRefunded,
)
from txplatform.domain.flags import Flag
from txplatform.domain.ids import TransactionId
from txplatform.domain.money import MAX_AMOUNT
from txplatform.domain.transaction import MAX_REVERSED, Transaction

TX = TransactionId("t")


CREDIT, DEBIT = Direction.CREDIT, Direction.DEBIT
CASES: list[tuple[list[Command], int]] = [
    (
        [
            clearing(ACCOUNT, TX, "c", 100, final=False),
            refund(ACCOUNT, TX, "r", 100, presented=True),
            correction(ACCOUNT, TX, "x", "r", 100, DEBIT),
        ],
        100,
    ),
    (
        [
            clearing(ACCOUNT, TX, "c", 100, final=False),
            correction(ACCOUNT, TX, "x", "c", 40, CREDIT),
        ],
        60,
    ),
    (
        [
            clearing(ACCOUNT, TX, "c", 100, final=False),
            correction(ACCOUNT, TX, "x", "c", 40, CREDIT),
            correction(ACCOUNT, TX, "y", "x", 40, DEBIT),
        ],
        100,
    ),
    (
        [
            clearing(ACCOUNT, TX, "c", 100, final=False),
            correction(ACCOUNT, TX, "x", "c", 50, CREDIT),
            refund(ACCOUNT, TX, "r", 80, presented=True),
            correction(ACCOUNT, TX, "y", "r", 80, DEBIT),
        ],
        50,
    ),
    (
        [
            clearing(ACCOUNT, TX, "c", 100, final=False),
            correction(ACCOUNT, TX, "y", "never-came", 500, DEBIT),
        ],
        100,
    ),
    (
        [
            clearing(ACCOUNT, TX, "c", 10, final=False),
            correction(ACCOUNT, TX, "x", "never-came", 40, CREDIT),
        ],
        10,
    ),
]


@pytest.mark.parametrize(("postings", "already_posted"), CASES)
def test_i6_the_funds_check_of_a_late_authorization_adds_back_its_clearings(
    postings: list[Command], already_posted: int
) -> None:
    """The order of postings does not matter. One minor unit more is declined."""
    for order in permutations(postings):
        stream = Stream()
        stream.ask(opening(ACCOUNT, 10_000))
        for command in order:
            stream.ask(command)
        available = stream.account().available
        declined = stream.ask(purchase(ACCOUNT, "t", available + already_posted + 1))
        assert isinstance(declined, Outcome)
        assert isinstance(declined.event, AuthorizationDeclined), order
        assert declined.event.already_posted == already_posted

        stream.events.pop()
        approved = stream.ask(purchase(ACCOUNT, "t", available + already_posted))
        assert isinstance(approved, Outcome)
        assert isinstance(approved.event, AuthorizationApproved), order


def test_i6_the_funds_check_adds_back_more_than_the_requested_amount() -> None:
    """With 150 already posted, a purchase of 100 fits a limit of 100 and holds nothing."""
    stream = Stream()
    stream.ask(opening(ACCOUNT, 100))
    stream.ask(clearing(ACCOUNT, TX, "c", 150, final=False))
    approved = stream.ask(purchase(ACCOUNT, "t", 100))
    assert isinstance(approved, Outcome)
    assert isinstance(approved.event, AuthorizationApproved)
    assert (approved.event.already_posted, approved.event.held) == (150, 0)


def test_the_sum_of_reversals_is_capped_at_64_bits() -> None:
    """A larger sum could not be shown in a response."""
    transaction = Transaction()
    stream = Stream()
    stream.ask(opening(ACCOUNT, 1000))
    reversal = Reversal("v", TX, ACCOUNT, MAX_AMOUNT)
    reversed_ = stream.ask(reversal)
    assert isinstance(reversed_, Outcome)
    for _ in range(10_000):
        transaction.take(reversed_.event)
    assert transaction.reversed == MAX_REVERSED


@pytest.mark.parametrize(("amount", "flags"), [(60, ()), (61, (Flag.OVER_PURCHASE,))])
def test_a_refund_is_compared_with_the_purchase_after_corrections(
    amount: int, flags: tuple[Flag, ...]
) -> None:
    """Of 100 cleared, a correction withdrew 40. Another correction withdrew a refund of 10."""
    stream = Stream()
    stream.ask(opening(ACCOUNT, 1000))
    for command in (
        clearing(ACCOUNT, TX, "c", 100, final=False),
        correction(ACCOUNT, TX, "x", "c", 40, CREDIT),
        refund(ACCOUNT, TX, "taken-back", 10, presented=True),
        correction(ACCOUNT, TX, "y", "taken-back", 10, DEBIT),
    ):
        stream.ask(command)
    refunded = stream.ask(refund(ACCOUNT, TX, "r", amount))
    assert isinstance(refunded, Outcome)
    assert isinstance(refunded.event, PurchaseRefunded)
    assert refunded.event.flags == flags

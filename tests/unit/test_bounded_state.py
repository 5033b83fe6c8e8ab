"""An account's state depends on open and waiting items, not on the length of its history."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from harness.commands import ACCOUNT, NOW, ORIGIN, opening, payment, payment_return, purchase
from harness.streams import Stream
from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.advices import Clearing, Refund, Reversal
from txplatform.domain.commands import Command, decide
from txplatform.domain.commands.prior_events import PriorEvents, TransactionNotReadError
from txplatform.domain.ids import TransactionId
from txplatform.domain.requests import HoldExpiry, Increment
from txplatform.eventstore.snapshot import account_state
from txplatform.processing.account_cache import pack_account

WEEK = timedelta(days=7)


def ended_transactions(number: int) -> list[Command]:
    """Return commands for purchases that end in every possible way, and for their payment."""
    named = [TransactionId(f"t{number}-{way}") for way in range(5)]
    cleared, reversed_, over, late, forced = named
    return [
        purchase(ACCOUNT, cleared, 30),
        Increment(f"i{number}", cleared, ACCOUNT, 5),
        Clearing(f"c{number}a", ACCOUNT, cleared, 10, "USD", final=False),
        Clearing(f"c{number}b", ACCOUNT, cleared, 20, "USD"),
        Refund(f"r{number}", ACCOUNT, cleared, 5, "USD"),
        purchase(ACCOUNT, reversed_, 30),
        Reversal(f"v{number}", reversed_, ACCOUNT, None),
        purchase(ACCOUNT, over, 10),
        Clearing(f"c{number}c", ACCOUNT, over, 20, "USD"),
        Clearing(f"c{number}d", ACCOUNT, late, 20, "USD"),
        purchase(ACCOUNT, late, 20),
        Clearing(f"c{number}e", ACCOUNT, forced, 5, "USD"),
        payment_return(ACCOUNT, f"p{number}", 60),
        payment(ACCOUNT, f"p{number}", 60),
        payment(ACCOUNT, f"q{number}", 70),
    ]


def weekly(weeks: int) -> Iterator[Account]:
    """Yield an account after each week; each week has a purchase whose hold expires."""
    stream = Stream()
    stream.ask(opening(ACCOUNT, 1_000))
    for number in range(weeks):
        stream.now = NOW + number * WEEK
        for command in ended_transactions(number):
            stream.ask(command)
        stream.ask(purchase(ACCOUNT, f"t{number}-expires", 1))
        stream.now += WEEK
        stream.ask(HoldExpiry(ACCOUNT, TransactionId(f"t{number}-expires")))
        yield stream.account()


def test_ended_transactions_leave_the_state() -> None:
    """No holds or waiting messages remain, and the posted balance is complete."""
    *_, account = weekly(12)
    assert (account.holds, dict(account.waiting), account.pending) == ({}, {}, 0)
    assert account.posted == 12 * (10 + 20 - 5 + 20 + 20 + 5 - 70)


@pytest.mark.long
def test_the_state_is_as_large_after_two_years_as_after_ten_weeks() -> None:
    """Apart from the purchases of the last 30 days, the state is a few numbers.

    The test compares maxima over several weeks, since old purchases are dropped in batches.
    """
    accounts = list(weekly(104))
    sizes = [len(pack_account(account)) for account in accounts]
    assert max(sizes[95:103]) <= 1.1 * max(sizes[4:12])
    rest = account_state(accounts[-1])
    del rest["activity"]
    kept = {name for name, value in rest.items() if value}
    assert kept <= {"id", "version", "last_event_at", "currency", "credit_limit", "posted"}


def test_an_opening_asks_for_all_transactions_of_waiting_messages_at_once() -> None:
    """One look-up is enough for any number of transactions."""
    stream = Stream()
    names = [TransactionId(f"t{number}") for number in range(50)]
    for name in names:
        stream.ask(Clearing(f"c-{name}", ACCOUNT, name, 1, "USD"))
    account = stream.account()
    context = DecisionContext(NOW, lambda: "event", ORIGIN)
    with pytest.raises(TransactionNotReadError) as missing:
        decide(opening(ACCOUNT, 1000), account, PriorEvents(), context)
    assert sorted(missing.value.transaction_ids) == sorted(names)
    stream.ask(opening(ACCOUNT, 1000))
    assert stream.account().posted == 50

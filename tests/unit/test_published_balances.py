"""Whoever adds up the outbound topics reaches the balance of every account, message by message."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from random import Random

import orjson
from hypothesis import given
from hypothesis import strategies as st

from harness.commands import (
    ACCOUNT,
    NOW,
    correction,
    increment,
    limit_change,
    opening,
    payment,
    payment_return,
)
from harness.shuffled import AMOUNTS, Sent, shuffled_histories
from harness.streams import Stream
from txplatform.domain.advices import Direction
from txplatform.domain.commands import Command
from txplatform.domain.events import Event
from txplatform.domain.money import Balance
from txplatform.domain.requests import HoldExpiry
from txplatform.eventstore.mapper import encode_event
from txplatform.publisher import TOPICS


@st.composite
def payments(draw: st.DrawFn) -> list[Command]:
    """Draw payments, returns of some of them, and other messages that change a balance."""
    commands: list[Command] = []
    for number in range(draw(st.integers(0, 4))):
        amount = draw(AMOUNTS)
        commands.append(payment(ACCOUNT, f"paid-{number}", amount))
        if draw(st.booleans()):
            commands.append(payment_return(ACCOUNT, f"paid-{number}", amount))
    if draw(st.booleans()):
        commands.append(payment(ACCOUNT, "euros", 7, currency="EUR"))  # is rejected
    if draw(st.booleans()):
        commands.append(limit_change(ACCOUNT, 1, draw(AMOUNTS)))
    if draw(st.booleans()):
        debit = Direction.DEBIT
        commands.append(correction(ACCOUNT, "t0", "x-debit", "c0", draw(AMOUNTS), debit))
    commands += [increment(ACCOUNT, "t1", f"raise-{n}", draw(AMOUNTS)) for n in range(3)]
    return commands


def published_balances(events: Iterable[Event]) -> list[tuple[int, int, Balance | None]]:
    """Return posted, pending and the stated balance after each published event."""
    posted = pending = 0
    found = []
    topic_of = {event.TOPIC: topic for topic in TOPICS.values() for event in topic.events}
    for event in events:
        topic = topic_of.get(event.TOPIC)
        if topic is None:
            continue
        record = topic.encode(
            1, event.originator_id, event.originator_version, event.TOPIC, encode_event(event)
        )
        assert record.body is not None
        body = orjson.loads(record.body)
        posted += body.get("posted_change", 0)
        pending += body.get("held", 0) - body.get("released", 0)
        stated = body["balance"]
        found.append((posted, pending, None if stated is None else Balance(**stated)))
    return found


@given(shuffled_histories(), payments(), st.randoms(use_true_random=False))
def test_the_sums_of_the_topics_are_the_balance_after_each_message(
    sent: Sent, more: list[Command], chance: Random
) -> None:
    """Messages come in any order, some before the opening or before what they refer to."""
    stream, arrivals = Stream(), [*sent.arrivals, *more, *more]
    chance.shuffle(arrivals)
    for command in arrivals:
        stream.now = NOW + timedelta(days=40) if isinstance(command, HoldExpiry) else NOW
        stream.ask(command)
    stream.ask(opening(ACCOUNT, 100_000))
    account = stream.account()
    balances = published_balances(stream.events)
    for posted, pending, stated in balances:
        assert stated is None or (stated.posted, stated.pending) == (posted, pending)
    assert balances[-1][:2] == (account.posted, account.pending)

"""Random transaction histories for property tests: incomplete, in any order, with copies."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from hypothesis import strategies as st

from harness.commands import ACCOUNT, NOW, opening, payment, purchase
from harness.streams import Stream
from txplatform.domain.advices import Clearing, Correction, Direction, Refund, Reversal
from txplatform.domain.commands import Command
from txplatform.domain.commands.outcome import CommandRejectedError, RefusalReason
from txplatform.domain.ids import TransactionId
from txplatform.domain.requests import HoldExpiry, Increment

TRANSACTIONS = ("t0", "t1", "t2")
AMOUNTS = st.integers(1, 300)

# Built once, because building a strategy takes as long as drawing from it.
_ANY = st.sampled_from(TRANSACTIONS)
_ANY_OR_NONE = st.none() | _ANY
_NAMED_OR_NOT = st.none() | _ANY.map(TransactionId)
_DIRECTIONS = st.sampled_from(Direction)
_AMOUNT_OR_NONE = st.none() | AMOUNTS
_SELDOM = st.booleans() | st.just(value=False)
_UP_TO = [st.integers(0, most) for most in range(7)]
_SOME = st.sets(_ANY)
LIMIT = 100_000


@dataclass(frozen=True)
class Sent:
    """A set of messages without conflicts, and their order of arrival, including copies."""

    messages: list[Command]
    arrivals: list[Command]


@st.composite
def _presentments(draw: st.DrawFn, name: str) -> Clearing | Refund:
    """Draw a clearing, possibly of amount 0, or the presentment of a refund."""
    transaction, amount = draw(_NAMED_OR_NOT), draw(AMOUNTS)
    if draw(_SELDOM):
        return Refund(name, ACCOUNT, transaction, amount, "USD", presented=True)
    final = draw(_SELDOM)
    empty = final and draw(_SELDOM)
    return Clearing(name, ACCOUNT, transaction, 0 if empty else amount, "USD", final)


@st.composite
def shuffled_histories(draw: st.DrawFn, limit: int = LIMIT) -> Sent:
    """Draw messages of some transactions in shuffled order, some sent more than once."""
    commands: list[Command] = [opening(ACCOUNT, limit)]
    commands += [
        purchase(ACCOUNT, name, draw(AMOUNTS)) for name in TRANSACTIONS if draw(st.booleans())
    ]
    presented = [draw(_presentments(f"c{number}")) for number in range(draw(_UP_TO[6]))]
    corrections = [f"x{number}" for number in range(draw(_UP_TO[4]))]
    # A correction may take back another one, itself, or what never comes.
    names = [*(each.key.removeprefix("clearing:") for each in presented), *corrections, "never"]
    commands += presented
    commands += [
        Correction(
            name,
            ACCOUNT,
            draw(_NAMED_OR_NOT),
            draw(st.sampled_from(names)),
            draw(_DIRECTIONS),
            draw(AMOUNTS),
            "USD",
        )
        for name in corrections
    ]
    for number in range(draw(_UP_TO[3])):
        name, amount = TransactionId(draw(_ANY)), draw(_AMOUNT_OR_NONE)
        commands.append(Reversal(f"r{number}", name, ACCOUNT, amount))
    for number in range(draw(_UP_TO[3])):
        name, amount = TransactionId(draw(_ANY)), draw(AMOUNTS)
        commands.append(Increment(f"i{number}", name, ACCOUNT, amount))
    for number in range(draw(_UP_TO[2])):
        named = draw(_ANY_OR_NONE)
        refund = Refund(
            # A refund's id may look like the id of a clearing or of a transaction.
            draw(st.sampled_from([f"c{number}", f"t{number}", f"f{number}"])) + f"-{number}",
            ACCOUNT,
            None if named is None else TransactionId(named),
            draw(AMOUNTS),
            "USD",
        )
        commands.append(refund)
    if draw(st.booleans()):
        commands.append(payment(ACCOUNT, "p", draw(AMOUNTS)))
    commands += [HoldExpiry(ACCOUNT, TransactionId(name)) for name in draw(_SOME)]
    copies = draw(st.lists(st.sampled_from(commands), max_size=8))
    return Sent(commands, draw(st.permutations(commands + copies)))


def arrive(stream: Stream, sent: Sent) -> None:
    """Send all messages.

    Only the expiry of a missing hold and a correction in its original's direction may be rejected.
    """
    for command in sent.arrivals:
        expiring = isinstance(command, HoldExpiry)
        stream.now = NOW + timedelta(days=40) if expiring else NOW
        outcome = stream.ask(command)
        if isinstance(outcome, CommandRejectedError):
            wrong_way = outcome.reason is RefusalReason.WRONG_DIRECTION
            assert expiring or (isinstance(command, Correction) and wrong_way)
        account = stream.account()
        assert account.pending == sum(amount for amount, _ in account.holds.values())
        assert all(amount > 0 for amount, _ in account.holds.values())

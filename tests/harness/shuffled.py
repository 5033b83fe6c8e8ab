"""Random transaction histories for property tests: incomplete, in any order, with copies."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from hypothesis import strategies as st

from harness.commands import ACCOUNT, NOW, opening, payment, purchase
from harness.streams import Stream
from txplatform.domain.advices import Clearing, Correction, Direction, Refund, Reversal
from txplatform.domain.commands import Command
from txplatform.domain.commands.outcome import CommandRejectedError, Outcome
from txplatform.domain.ids import TransactionId
from txplatform.domain.requests import HoldExpiry, Increment

TRANSACTIONS = ("t0", "t1", "t2")
AMOUNTS = st.integers(1, 300)

# Built once, because building a strategy takes as long as drawing from it.
_ANY = st.sampled_from(TRANSACTIONS)
_ANY_OR_NONE = st.none() | _ANY
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


def _clearing(number: int, transaction: str | None, amount: int, final: bool) -> Clearing:  # noqa: FBT001  # drawn
    name = None if transaction is None else TransactionId(transaction)
    return Clearing(f"c{number}", ACCOUNT, name, amount, "USD", final)


@st.composite
def shuffled_histories(draw: st.DrawFn, limit: int = LIMIT) -> Sent:
    """Draw messages of some transactions in shuffled order, some sent more than once."""
    commands: list[Command] = [opening(ACCOUNT, limit)]
    commands += [
        purchase(ACCOUNT, name, draw(AMOUNTS)) for name in TRANSACTIONS if draw(st.booleans())
    ]
    for number in range(draw(_UP_TO[6])):
        clearing = _clearing(number, draw(_ANY_OR_NONE), draw(AMOUNTS), draw(_SELDOM))
        commands.append(clearing)
        if draw(_UP_TO[3]) == 0:
            commands.append(
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
    """Send all messages. Only the expiry of a missing hold may be rejected."""
    for command in sent.arrivals:
        expiring = isinstance(command, HoldExpiry)
        stream.now = NOW + timedelta(days=40) if expiring else NOW
        outcome = stream.ask(command)
        assert isinstance(outcome, Outcome) or (
            expiring and isinstance(outcome, CommandRejectedError)
        )
        account = stream.account()
        assert account.pending == sum(amount for amount, _ in account.holds.values())
        assert all(amount > 0 for amount, _ in account.holds.values())

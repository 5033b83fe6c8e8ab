"""Random histories of one account under rules, and the backtest of them without a database."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from accounts import ACCOUNT, NOW, Stream, opening, payment
from hypothesis import strategies as st

from txplatform.backtest.accounts import replay_accounts
from txplatform.backtest.counterfactual import BEGINNING
from txplatform.backtest.tally import Tally
from txplatform.domain.activity import VelocityScope
from txplatform.domain.advices import Clearing, Correction, Direction, LimitChange, Refund, Reversal
from txplatform.domain.commands import Command
from txplatform.domain.ids import TransactionId
from txplatform.domain.requests import HoldExpiry, Increment, Merchant, OperatorStatus, Purchase
from txplatform.domain.rules.amount_limit import AmountLimit
from txplatform.domain.rules.category_deny import CategoryDeny
from txplatform.domain.rules.velocity_amount import VelocityAmount
from txplatform.domain.rules.velocity_count import VelocityCount
from txplatform.domain.rulesets import RuleSet
from txplatform.domain.status import AccountStatus
from txplatform.eventstore.mapper import encode_event

SHOPS = (
    Merchant("m-1", "Corner Books", "5942", "USA"),
    Merchant("m-2", "Grand Hotel", "7011", "FRA"),
    Merchant("m-3", "Fuel", "5542", "USA"),
)
ACTIVE = RuleSet(
    "retail",
    2,
    rules=(
        VelocityCount(60, 3),
        VelocityAmount(24 * 60, 1_500, VelocityScope.MERCHANT),
        CategoryDeny(("7995",)),
    ),
)
STRICTER = RuleSet("retail", 3, rules=(*ACTIVE.rules, AmountLimit(200)))


@dataclass
class RecordedHistory:
    """A history that a test records step by step."""

    stream: Stream = field(default_factory=lambda: Stream(ruleset=ACTIVE))

    def ask(self, *commands: Command, after: timedelta = timedelta(minutes=1)) -> RecordedHistory:
        """Ask these, one after the other, each that long after the one before."""
        for command in commands:
            self.stream.now += after
            self.stream.ask(command)
        return self

    def backtest(self, candidate: RuleSet, since: datetime = BEGINNING) -> Tally:
        """What the candidate changes."""
        return backtested(self.stream, candidate, since)


def backtested(stream: Stream, candidate: RuleSet, since: datetime = BEGINNING) -> Tally:
    """What the candidate changes on one account."""
    tally = Tally()
    rows = [
        (event.originator_id, event.originator_version, event.TOPIC, encode_event(event))
        for event in stream.events
    ]
    replay_accounts(rows, candidate, since, tally)
    tally.settle()
    return tally


def buy(transaction: str, amount: int, shop: Merchant = SHOPS[0]) -> Purchase:
    """A purchase."""
    return Purchase(TransactionId(transaction), ACCOUNT, amount, "USD", shop)


def clear(clearing: str, transaction: str | None, amount: int, *, final: bool = True) -> Command:
    """A clearing."""
    name = None if transaction is None else TransactionId(transaction)
    return Clearing(clearing, ACCOUNT, name, amount, "USD", final)


def correct(
    name: str,
    transaction: str | None,
    reverses: str,
    amount: int,
    direction: Direction = Direction.CREDIT,
) -> Command:
    """A correction, of a clearing unless said otherwise."""
    of = None if transaction is None else TransactionId(transaction)
    return Correction(name, ACCOUNT, of, reverses, direction, amount, "USD")


def refund(name: str, transaction: str | None, amount: int) -> Command:
    """A refund."""
    of = None if transaction is None else TransactionId(transaction)
    return Refund(name, ACCOUNT, of, amount, "USD")


def raise_by(name: str, transaction: str, amount: int) -> Command:
    """An increment."""
    return Increment(name, TransactionId(transaction), ACCOUNT, amount)


def reverse(name: str, transaction: str, amount: int | None = None) -> Command:
    """A reversal."""
    return Reversal(name, TransactionId(transaction), ACCOUNT, amount)


def expire(transaction: str) -> Command:
    """The sweeper comes by."""
    return HoldExpiry(ACCOUNT, TransactionId(transaction))


_TRANSACTIONS = st.sampled_from([f"t{number}" for number in range(6)])
_AMOUNTS = st.integers(1, 600)
_NAMES = st.integers(0, 30)


def _commands() -> st.SearchStrategy[Command]:
    names, of = _NAMES, _TRANSACTIONS
    return st.one_of(
        *[st.builds(buy, of, st.integers(0, 600), st.sampled_from(SHOPS))] * 4,
        st.builds(
            lambda name, to, amount, final: clear(f"c{name}", to, amount, final=final),
            names,
            st.none() | of,
            _AMOUNTS,
            st.booleans(),
        ),
        *[st.builds(lambda name, to, by: raise_by(f"i{name}", to, by), names, of, _AMOUNTS)] * 2,
        st.builds(
            lambda name, to, by: reverse(f"v{name}", to, by), names, of, st.none() | _AMOUNTS
        ),
        *[st.builds(expire, of)] * 2,
        st.builds(lambda name, to, by: refund(f"r{name}", to, by), names, st.none() | of, _AMOUNTS),
        st.builds(
            lambda name, to, of, by, way: correct(f"x{name}", to, f"{way[0]}{of}", by, way[1]),
            names,
            st.none() | of,
            names,
            _AMOUNTS,
            st.sampled_from([("c", Direction.CREDIT), ("r", Direction.DEBIT)]),
        ),
        st.builds(lambda name, by: payment(f"p{name}", by), names, _AMOUNTS),
        st.builds(
            lambda version, to: LimitChange(ACCOUNT, to, "USD", version, NOW),
            st.integers(1, 9),
            st.integers(0, 3_000),
        ),
        st.builds(
            lambda name, to: OperatorStatus(f"s{name}", ACCOUNT, to, "test"),
            names,
            st.sampled_from([AccountStatus.ACTIVE] * 5 + [AccountStatus.FROZEN]),
        ),
    )


@st.composite
def commands(draw: st.DrawFn) -> list[tuple[timedelta, Command]]:
    """Anything that can be asked of one account, and how long after the one before."""
    asked = draw(st.lists(_commands(), min_size=12, max_size=40))
    asked[2:2] = [
        buy(f"t{number}", draw(st.integers(1, 600)), draw(st.sampled_from(SHOPS)))
        for number in range(draw(st.integers(0, 5)))
    ]
    asked.insert(draw(st.integers(0, 2)), opening(2_000))
    return [
        (
            timedelta(
                minutes=draw(
                    st.sampled_from(
                        [0, 12_000, 45_000]
                        if isinstance(command, HoldExpiry)
                        else [0, 1, 7, 90, 1_500]
                    )
                )
            ),
            command,
        )
        for command in asked
    ]


@st.composite
def histories(draw: st.DrawFn) -> Stream:
    """Anything that can happen to one account under the active rule set, opened or not yet."""
    history = RecordedHistory()
    for after, command in draw(commands()):
        history.ask(command, after=after)
    return history.stream

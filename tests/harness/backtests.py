"""Random histories of one account under a rule set, and their backtest without a database."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hypothesis import strategies as st

from harness.commands import (
    ACCOUNT,
    NOW,
    clearing,
    correction,
    expiry,
    increment,
    opening,
    payment,
    refund,
    reversal,
)
from harness.streams import Stream
from txplatform.backtest.counterfactual import BEGINNING
from txplatform.backtest.tally import Tally
from txplatform.backtest.worker import replay_accounts
from txplatform.domain.activity import VelocityScope
from txplatform.domain.advices import CreditLimitChange, Direction
from txplatform.domain.commands import Command
from txplatform.domain.ids import TransactionId
from txplatform.domain.requests import HoldExpiry, Merchant, OperatorStatus, Purchase
from txplatform.domain.rules.amount_limit import AmountLimit
from txplatform.domain.rules.category_lists import CategoryDeny
from txplatform.domain.rules.velocity import VelocityAmount, VelocityCount
from txplatform.domain.rulesets import RuleSet
from txplatform.domain.status import AccountStatus
from txplatform.eventstore.mapper import encode_event

SHOPS = (
    Merchant("m-1", "Corner Books", "5942", "USA"),
    Merchant("m-2", "Grand Hotel", "7011", "FRA"),
    Merchant("m-3", "Fuel", "5542", "USA"),
    Merchant(None, "Market stall", None, None),
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
        """Execute these commands, each `after` later than the previous one."""
        for command in commands:
            self.stream.now += after
            self.stream.ask(command)
        return self

    def backtest(self, candidate: RuleSet, since: datetime = BEGINNING) -> Tally:
        """Backtest the candidate on this history."""
        return backtested(self.stream, candidate, since)


def backtested(stream: Stream, candidate: RuleSet, since: datetime = BEGINNING) -> Tally:
    """Backtest the candidate on the stream of one account."""
    tally = Tally()
    rows = [
        (event.originator_id, event.originator_version, event.TOPIC, encode_event(event))
        for event in stream.events
    ]
    replay_accounts(rows, candidate, since, tally)
    tally.settle()
    return tally


def buy(transaction: str, amount: int, shop: Merchant = SHOPS[0]) -> Purchase:
    """Return a USD purchase."""
    return Purchase(TransactionId(transaction), ACCOUNT, amount, "USD", shop)


_TRANSACTIONS = st.sampled_from([f"t{number}" for number in range(6)])
_AMOUNTS = st.integers(1, 600)
_NAMES = st.integers(0, 30)


def _commands() -> st.SearchStrategy[Command]:
    names, of = _NAMES, _TRANSACTIONS
    return st.one_of(
        *[st.builds(buy, of, st.integers(0, 600), st.sampled_from(SHOPS))] * 4,
        st.builds(
            lambda name, to, amount, final: clearing(ACCOUNT, to, f"c{name}", amount, final=final),
            names,
            st.none() | of,
            _AMOUNTS,
            st.booleans(),
        ),
        *[
            st.builds(
                lambda name, to, by: increment(ACCOUNT, to, f"i{name}", by), names, of, _AMOUNTS
            )
        ]
        * 2,
        st.builds(
            lambda name, to, by: reversal(ACCOUNT, to, f"v{name}", by),
            names,
            of,
            st.none() | _AMOUNTS,
        ),
        *[st.builds(lambda of: expiry(ACCOUNT, of), of)] * 2,
        st.builds(
            lambda name, to, by: refund(ACCOUNT, to, f"r{name}", by),
            names,
            st.none() | of,
            _AMOUNTS,
        ),
        st.builds(
            lambda name, to, of, by, way: correction(
                ACCOUNT, to, f"x{name}", f"{way[0]}{of}", by, way[1]
            ),
            names,
            st.none() | of,
            names,
            _AMOUNTS,
            st.sampled_from([("c", Direction.CREDIT), ("r", Direction.DEBIT)]),
        ),
        st.builds(lambda name, by: payment(ACCOUNT, f"p{name}", by), names, _AMOUNTS),
        st.builds(
            lambda version, to: CreditLimitChange(ACCOUNT, to, "USD", version, NOW),
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
    """Draw commands for one account, each with the time since the previous command."""
    asked = draw(st.lists(_commands(), min_size=12, max_size=40))
    asked[2:2] = [
        buy(f"t{number}", draw(st.integers(1, 600)), draw(st.sampled_from(SHOPS)))
        for number in range(draw(st.integers(0, 5)))
    ]
    asked.insert(draw(st.integers(0, 2)), opening(ACCOUNT, 2_000))
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
    """Draw a history of one account under the active rule set, opened early or late."""
    history = RecordedHistory()
    for after, command in draw(commands()):
        history.ask(command, after=after)
    return history.stream

"""A backtest compared with the domain, which decides the same commands under the candidate.

The reference skips the commands whose events the backtest drops, and shares only the domain's code
with the backtest.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.backtests import ACTIVE, STRICTER, backtested, commands
from harness.commands import ACCOUNT
from harness.streams import Stream
from txplatform.backtest.counterfactual import BEGINNING, Counterfactual
from txplatform.backtest.recorded import APPROVED, DECLINED
from txplatform.backtest.tally import TOTAL, Tally
from txplatform.domain.advices import Clearing, Correction, Refund, Reversal
from txplatform.domain.commands import Command
from txplatform.domain.events import (
    AuthorizationApproved,
    AuthorizationDeclined,
    AuthorizationIncremented,
    Event,
    IncrementDeclined,
    PurchaseCleared,
)
from txplatform.domain.ids import TransactionId
from txplatform.domain.requests import HoldExpiry, Increment
from txplatform.domain.rulesets import HoldDays, RuleSet
from txplatform.eventstore.mapper import encode_event

LOOSER = RuleSet("retail", 4)
OTHER_DAYS = RuleSet("retail", 5, rules=STRICTER.rules, hold_days=HoldDays(3))


@dataclass
class Reference:
    """The recorded and the reference history, side by side.

    Attributes:
        was: The recorded history.
        would: The reference history under the candidate.
        ending: By transaction, the expiry of a hold that does not end as recorded.
    """

    candidate: RuleSet
    was: Stream = field(default_factory=lambda: Stream(ruleset=ACTIVE))
    undone: set[str] = field(default_factory=set)
    undone_postings: set[str] = field(default_factory=set)
    ending: dict[str, datetime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.would = Stream(ruleset=self.candidate)

    def ask(self, after: timedelta, command: Command) -> None:
        """Apply the command to both histories, unless the reference history drops it."""
        self.was.now += after
        self.would.now = self.was.now
        before = len(self.was.events)
        self.was.ask(command)
        recorded = self.was.events[before:]
        if not recorded:
            return  # rejected or repeated, so not in the log
        for transaction, ends in list(self.ending.items()):
            if ends <= self.would.now:
                del self.ending[transaction]
                self.would.ask(HoldExpiry(ACCOUNT, TransactionId(transaction)))
                self.undone.add(f"ended:{transaction}")
        if self._happens(command):
            place = len(self.would.events)
            self.would.ask(command)
            self._compare(recorded[-1], self.would.events[place:])

    def _happens(self, command: Command) -> bool:  # noqa: PLR0911  # one for each kind of command
        match command:
            case HoldExpiry(transaction_id=name):
                own = name in self.ending or f"ended:{name}" in self.undone
                return name not in self.undone and not own
            case Increment():
                return command.transaction_id not in self.undone
            case Reversal():
                return command.transaction_id not in self.undone
            case Clearing() if command.transaction_id in self.undone:
                self.undone_postings.add(command.clearing_id)
                return False
            case Refund() if command.transaction_id in self.undone:
                return False
            case Correction() if command.reverses_clearing_id in self.undone_postings:
                self.undone_postings.add(command.clearing_id)
                return False
        return True

    def _compare(self, recorded: Event, events: list[Event]) -> None:
        match recorded, events[-1] if events else None:
            case AuthorizationApproved(), AuthorizationApproved() as now:
                if now.held and recorded.expires_at != now.expires_at:
                    self._end(now.purchase.transaction_id, now.expires_at)
            case AuthorizationDeclined(), AuthorizationApproved() as now:
                if now.held:
                    self._end(now.purchase.transaction_id, now.expires_at)
            case AuthorizationApproved(), AuthorizationDeclined() as now:
                name = now.purchase.transaction_id
                if not any(
                    isinstance(event, PurchaseCleared) and event.transaction_id == name
                    for event in self.would.events
                ):
                    self.undone.add(name)
            case (
                (AuthorizationIncremented() | IncrementDeclined()),
                (AuthorizationIncremented() | IncrementDeclined() as now),
            ):
                name = now.increment.transaction_id
                hold = self.would.account().holds.get(name)
                raised = isinstance(recorded, AuthorizationIncremented) or isinstance(
                    now, AuthorizationIncremented
                )
                as_recorded = name not in self.ending and (
                    hold is None or recorded.hold_expires_at == hold[1]
                )
                if raised and hold is not None and not as_recorded:
                    self._end(name, hold[1])

    def _end(self, transaction: str, ends: datetime | None) -> None:
        assert ends is not None
        if f"ended:{transaction}" not in self.undone:
            self.ending[transaction] = ends

    def decisions(self, stream: Stream) -> dict[str, bool]:
        """Return whether each transaction was approved."""
        return {
            event.purchase.transaction_id: isinstance(event, AuthorizationApproved)
            for event in stream.events
            if isinstance(event, AuthorizationApproved | AuthorizationDeclined)
        }


@pytest.mark.parametrize(
    "candidate",
    [
        pytest.param(STRICTER, id="stricter"),
        pytest.param(LOOSER, id="looser", marks=pytest.mark.long),
        pytest.param(OTHER_DAYS, id="other days", marks=pytest.mark.long),
    ],
)
@settings(max_examples=200)
@given(asked=st.data())
def test_a_backtest_decides_as_the_domain_does(candidate: RuleSet, asked: st.DataObject) -> None:
    """All decisions are the same, and so are the final balances, holds and activity."""
    reference = Reference(candidate)
    for after, command in asked.draw(commands()):
        reference.ask(after, command)
    was, would = reference.was, reference.would
    tally = Tally()
    counterfactual = Counterfactual(ACCOUNT, candidate, BEGINNING, tally)
    for event in was.events:
        counterfactual.apply(event.originator_version, event.TOPIC, encode_event(event))
    expected, found = would.account(), counterfactual.account
    assert found.posted == expected.posted
    assert (found.pending, found.holds) == (expected.pending, expected.holds)
    assert found.credit_limit == expected.credit_limit
    assert found.status is expected.status
    assert found.activity == expected.activity
    before, after_it = reference.decisions(was), reference.decisions(would)
    assert before.keys() == after_it.keys()
    counted = backtested(was, candidate).lines.get((TOTAL, "", "USD"), [0] * 8)
    assert counted[4] == sum(before[name] and not after_it[name] for name in before)
    assert counted[6] == sum(after_it[name] and not before[name] for name in before)
    assert tally.judged == sum(event.TOPIC in (APPROVED, DECLINED) for event in was.events)

"""A backtest: nothing changes under the rules that decided; under others, what follows follows."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.backtests import ACTIVE, SHOPS, STRICTER, RecordedHistory, backtested, buy, histories
from harness.commands import (
    ACCOUNT,
    clearing,
    correction,
    expiry,
    increment,
    opening,
    refund,
    reversal,
)
from harness.streams import Stream
from txplatform.backtest.counterfactual import BEGINNING, Counterfactual
from txplatform.backtest.page import as_html
from txplatform.backtest.recorded import APPROVED, DECLINED
from txplatform.backtest.report import as_json
from txplatform.backtest.run import Result
from txplatform.backtest.tally import LARGEST, NOT_POSTED, TOTAL, Tally
from txplatform.backtest.worker import DamagedHistoryError, replay_accounts
from txplatform.domain.account import Account
from txplatform.domain.advices import Direction
from txplatform.domain.rules.amount_limit import AmountLimit
from txplatform.domain.rules.velocity import VelocityCount
from txplatform.domain.rulesets import HoldDays, RuleSet
from txplatform.eventstore.mapper import encode_event


def test_sums_that_no_64_bit_integer_holds_are_reported() -> None:
    """Twenty thousand of the largest purchases are enough; each figure is exact."""
    history = RecordedHistory().ask(opening(ACCOUNT, 2_000), buy("a", 100), buy("b", 300))
    tally = history.backtest(STRICTER)
    for line in tally.lines.values():
        line[:] = [value * 2**64 for value in line]
    result = Result(STRICTER, None, 3, 1, 0.5, tally)
    report = json.loads(as_json(result))
    (total,) = report["totals"]
    assert total["newly_declined"] == {"count": 2**64, "amount": 300 * 2**64}
    assert report["largest"][0]["amount"] == 300
    assert f"{300 * 2**64:,}" in as_html(result)


def changes(tally: Tally) -> int:
    """How much is not as recorded, of whatever kind."""
    of_lines = sum(sum(line[4:]) for line in tally.lines.values())
    return of_lines + tally.other_reasons + sum(map(len, tally.largest.values()))


@settings(max_examples=300)
@given(histories(), st.data())
def test_the_active_rule_set_changes_nothing_in_its_own_history(
    stream: Stream, data: st.DataObject
) -> None:
    """Not from the beginning and not from any day on, whatever became of the purchases."""
    assert changes(backtested(stream, ACTIVE)) == 0
    since = data.draw(st.sampled_from([event.timestamp for event in stream.events]))
    tally = backtested(stream, ACTIVE, since)
    assert changes(tally) == 0
    decided = [event.timestamp for event in stream.events if event.TOPIC in (APPROVED, DECLINED)]
    assert tally.judged == sum(at >= since for at in decided)
    assert tally.recorded == sum(at < since for at in decided)


def test_what_was_declined_before_its_days_counts_in_no_window() -> None:
    """Nor does it hold anything: there as here it did not happen."""
    history = opened().ask(buy("t0", 2_000), buy("t1", 2_000), buy("t2", 10))
    one_an_hour = RuleSet("retail", 9, rules=(VelocityCount(60, 1),))
    tally = history.backtest(one_an_hour, since=history.stream.events[-1].timestamp)
    assert (tally.recorded, tally.judged) == (2, 1)
    assert changed(tally) == (0, 0)


def test_a_purchase_that_is_declined_there_too_for_other_reasons_is_counted_as_such() -> None:
    """It is no change; the same reasons are not even that."""
    history = opened().ask(buy("t0", 2_000))
    tally = history.backtest(STRICTER)
    assert (changed(tally), tally.other_reasons) == ((0, 0), 1)
    assert history.backtest(ACTIVE).other_reasons == 0


LOOSER = RuleSet("retail", 9, rules=(AmountLimit(900),))
WAS_LIMITED = RuleSet("retail", 1, rules=(AmountLimit(200),))


def opened() -> RecordedHistory:
    """An account with a limit of 1000 that was just opened."""
    return RecordedHistory().ask(opening(ACCOUNT, 1_000))


def there(history: RecordedHistory, candidate: RuleSet) -> Account:
    """The account at the end of its counterfactual history."""
    counterfactual = Counterfactual(ACCOUNT, candidate, BEGINNING, Tally())
    for event in history.stream.events:
        counterfactual.apply(event.originator_version, event.TOPIC, encode_event(event))
    return counterfactual.account


def changed(tally: Tally) -> tuple[int, int]:
    """How many are newly declined, and how many newly approved."""
    line = tally.lines[TOTAL, "", "USD"]
    return line[4], line[6]


def test_credit_of_a_purchase_that_does_not_happen_is_free_for_the_next() -> None:
    """900 is declined there, so the 150 that did not fit beside it does."""
    history = opened().ask(buy("t0", 900), buy("t1", 150))
    tally = history.backtest(STRICTER)
    assert changed(tally) == (1, 1)
    (declined, approved) = sorted(tally.largest["USD"], reverse=True)
    assert (declined.recorded.purchase.transaction_id, declined.approved) == ("t0", False)
    assert [reason.code for reason in declined.reasons] == ["amount_limit_exceeded"]
    assert declined.recorded.event_id == history.stream.events[1].event_id
    assert (approved.recorded.purchase.transaction_id, approved.approved) == ("t1", True)
    assert approved.rules == ()
    assert [reason.code for reason in approved.reasons] == ["insufficient_credit"]


def test_a_purchase_that_does_not_happen_leaves_velocity_windows() -> None:
    """The fourth within an hour is the third there."""
    history = opened().ask(buy("t0", 250), buy("t1", 10), buy("t2", 10), buy("t3", 10))
    assert changed(history.backtest(STRICTER)) == (1, 1)


@pytest.mark.parametrize(
    "order",
    [
        [
            clearing(ACCOUNT, "t0", "c1", 250),
            correction(ACCOUNT, None, "x1", "c1", 250),
            refund(ACCOUNT, "t0", "r1", 20),
        ],
        [
            correction(ACCOUNT, None, "x1", "c1", 250),
            clearing(ACCOUNT, "t0", "c1", 250),
            refund(ACCOUNT, "t0", "r1", 20),
        ],
        [
            correction(ACCOUNT, "t0", "x1", "c1", 250),
            clearing(ACCOUNT, "t0", "c1", 250),
            refund(ACCOUNT, "t0", "r1", 20),
        ],
        [
            clearing(ACCOUNT, "t0", "c1", 250),
            correction(ACCOUNT, None, "x1", "c1", 250),
            correction(ACCOUNT, None, "x2", "r1", 20, Direction.DEBIT),
            refund(ACCOUNT, "t0", "r1", 20),
            correction(ACCOUNT, None, "x3", "r1", 20, Direction.CREDIT),
        ],
    ],
)
def test_the_later_life_of_what_does_not_happen_does_not_happen(order: list[object]) -> None:
    """In any order: what corrects a clearing that never comes has nothing to take back."""
    history = opened().ask(buy("t0", 250), increment(ACCOUNT, "t0", "i1", 5))
    history.ask(*order, reversal(ACCOUNT, "t0", "v1"), buy("t1", 7))  # type: ignore[arg-type]  # commands
    account = there(history, STRICTER)
    assert (account.posted, account.pending, list(account.holds)) == (0, 7, ["t1"])
    posted = history.stream.account().posted
    assert history.backtest(STRICTER).lines[NOT_POSTED, "", "USD"][5] == posted


def test_a_newly_approved_purchase_holds_until_the_candidates_days_are_over() -> None:
    """2 days for fuel; then its credit is free again."""
    history = RecordedHistory()
    history.stream.ruleset = WAS_LIMITED
    history.ask(opening(ACCOUNT, 1_000), buy("t0", 890, SHOPS[2]))
    history.ask(buy("t1", 150), after=timedelta(hours=47))
    history.ask(buy("t2", 150), after=timedelta(hours=1))
    tally = history.backtest(LOOSER)
    assert changed(tally) == (1, 1)
    assert there(history, LOOSER).pending == 150


def test_a_clearing_in_spite_of_a_decline_takes_of_the_new_hold() -> None:
    """It posted in truth, and posts there."""
    history = RecordedHistory()
    history.stream.ruleset = WAS_LIMITED
    history.ask(
        opening(ACCOUNT, 1_000), buy("t0", 800), clearing(ACCOUNT, "t0", "c0", 300, final=False)
    )
    account = there(history, LOOSER)
    assert (account.posted, account.pending) == (300, 500)


def test_a_newly_approved_late_purchase_holds_what_is_left_of_it() -> None:
    """300 of the 800 was reversed before it was asked for, and 100 cleared."""
    history = RecordedHistory()
    history.stream.ruleset = WAS_LIMITED
    history.ask(opening(ACCOUNT, 1_000), reversal(ACCOUNT, "t0", "v0", 300))
    history.ask(clearing(ACCOUNT, "t0", "c0", 100, final=False), buy("t0", 800))
    account = there(history, LOOSER)
    assert (account.posted, account.pending) == (100, 400)


def test_a_late_purchase_that_is_newly_declined_stays_posted() -> None:
    """What was cleared before it was asked for goes on; it only holds nothing."""
    history = opened().ask(clearing(ACCOUNT, "t0", "c0", 100, final=False), buy("t0", 300))
    history.ask(clearing(ACCOUNT, "t0", "c1", 100), refund(ACCOUNT, "t0", "r0", 50))
    assert changed(history.backtest(STRICTER)) == (1, 0)
    account = there(history, STRICTER)
    assert (account.posted, account.pending) == (150, 0)


def test_holds_end_by_the_candidates_days() -> None:
    """Where they are longer the recorded expiry does not count; where shorter it comes late."""
    history = opened().ask(buy("t0", 100)).ask(expiry(ACCOUNT, "t0"), after=timedelta(days=8))
    history.ask(buy("t1", 1))
    longer = RuleSet("retail", 3, rules=ACTIVE.rules, hold_days=HoldDays(30))
    assert list(there(history, longer).holds) == ["t0", "t1"]
    history.ask(buy("t2", 1), after=timedelta(days=23))
    assert list(there(history, longer).holds) == ["t1", "t2"]
    shorter = RuleSet("retail", 3, rules=ACTIVE.rules, hold_days=HoldDays(1))
    assert list(there(history, shorter).holds) == ["t2"]


def test_raises_of_holds_are_decided_on_the_credit_there() -> None:
    """With 850 not held, 100 more fits."""
    history = opened().ask(buy("t0", 100), buy("t1", 850), increment(ACCOUNT, "t0", "i0", 100))
    tally = history.backtest(STRICTER)
    assert tally.lines["increments", "", "USD"] == [0, 0, 0, 0, 0, 0, 1, 100]
    assert there(history, STRICTER).pending == 200


def test_raises_of_holds_are_held_against_the_candidate() -> None:
    """A purchase that it would not approve cannot be come to by raising a smaller one."""
    history = opened().ask(
        buy("t0", 100), increment(ACCOUNT, "t0", "i0", 90), increment(ACCOUNT, "t0", "i1", 20)
    )
    tally = history.backtest(STRICTER)
    assert tally.lines["increments", "", "USD"] == [0, 0, 0, 0, 1, 20, 0, 0]
    assert there(history, STRICTER).pending == 190


def test_only_the_largest_changes_are_kept() -> None:
    """However many there are."""
    history = RecordedHistory()
    history.stream.ruleset = RuleSet("none", 1)
    history.ask(opening(ACCOUNT, 10_000_000))
    history.ask(*(buy(f"t{number}", 300 + number) for number in range(LARGEST + 9)))
    kept = sorted(history.backtest(STRICTER).largest["USD"])
    amounts = [change.recorded.purchase.amount for change in kept]
    assert amounts == list(range(309, 309 + LARGEST))


def test_i7_a_missing_event_is_named() -> None:
    """What follows it would mean nothing."""
    stream = opened().ask(buy("t0", 1), buy("t1", 1)).stream
    rows = [
        (event.originator_id, event.originator_version, event.TOPIC, encode_event(event))
        for event in stream.events
    ]
    with pytest.raises(DamagedHistoryError, match="acc-1, version 3, cannot be replayed"):
        replay_accounts([rows[0], rows[2]], ACTIVE, BEGINNING, Tally())

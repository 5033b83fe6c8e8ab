"""Backtests: the active rules change nothing; other rules change decisions and their effects."""

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


def test_sums_beyond_64_bits_are_reported() -> None:
    """Twenty thousand purchases of the largest amount exceed 64 bits; all figures stay exact."""
    history = RecordedHistory().ask(opening(ACCOUNT, 2_000), buy("a", 100), buy("b", 300))
    tally = history.backtest(STRICTER)
    for line in tally.lines.values():
        line[:] = [value * 2**64 for value in line]
    result = Result(STRICTER, None, 3, 1, 0.5, tally)
    report = json.loads(as_json(result))
    (total,) = report["totals"]
    assert total["newly_declined"] == {"count": 2**64, "amount": 300 * 2**64}
    assert report["largest"][0]["amount"] == 300
    assert f"{3 * 2**64:,}.00" in as_html(result)


def all_changes(tally: Tally) -> int:
    """Return the sum of all counts and amounts that differ from the recorded history."""
    of_lines = sum(sum(line[4:]) for line in tally.lines.values())
    return of_lines + tally.other_reasons + sum(map(len, tally.largest.values()))


@settings(max_examples=300)
@given(histories(), st.data())
def test_the_active_rule_set_changes_nothing_in_its_own_history(
    stream: Stream, data: st.DataObject
) -> None:
    """This holds for a backtest from the beginning and from any later time."""
    assert all_changes(backtested(stream, ACTIVE)) == 0
    since = data.draw(st.sampled_from([event.timestamp for event in stream.events]))
    tally = backtested(stream, ACTIVE, since)
    assert all_changes(tally) == 0
    decided = [event.timestamp for event in stream.events if event.TOPIC in (APPROVED, DECLINED)]
    assert tally.judged == sum(at >= since for at in decided)
    assert tally.recorded == sum(at < since for at in decided)


def test_purchases_declined_before_since_count_in_no_velocity_window() -> None:
    """Such purchases place no hold either."""
    history = opened().ask(buy("t0", 2_000), buy("t1", 2_000), buy("t2", 10))
    one_an_hour = RuleSet("retail", 9, rules=(VelocityCount(60, 1),))
    tally = history.backtest(one_an_hour, since=history.stream.events[-1].timestamp)
    assert (tally.recorded, tally.judged) == (2, 1)
    assert newly_declined_and_approved(tally) == (0, 0)


def test_a_purchase_declined_again_for_other_reasons_is_counted_but_is_no_change() -> None:
    """A purchase declined again for the same reasons is not counted."""
    history = opened().ask(buy("t0", 2_000))
    tally = history.backtest(STRICTER)
    assert (newly_declined_and_approved(tally), tally.other_reasons) == ((0, 0), 1)
    assert history.backtest(ACTIVE).other_reasons == 0


LOOSER = RuleSet("retail", 9, rules=(AmountLimit(900),))
WAS_LIMITED = RuleSet("retail", 1, rules=(AmountLimit(200),))


def opened() -> RecordedHistory:
    """Return the history of an open account with a limit of 1000."""
    return RecordedHistory().ask(opening(ACCOUNT, 1_000))


def counterfactual_account(history: RecordedHistory, candidate: RuleSet) -> Account:
    """Return the account at the end of its counterfactual history."""
    counterfactual = Counterfactual(ACCOUNT, candidate, BEGINNING, Tally())
    for event in history.stream.events:
        counterfactual.apply(event.originator_version, event.TOPIC, encode_event(event))
    return counterfactual.account


def newly_declined_and_approved(tally: Tally) -> tuple[int, int]:
    """Return the numbers of newly declined and of newly approved purchases."""
    line = tally.lines[TOTAL, "", "USD"]
    return line[4], line[6]


def test_a_newly_declined_purchase_leaves_its_credit_to_the_next() -> None:
    """The purchase of 900 is declined, so the credit is enough for the purchase of 150."""
    history = opened().ask(buy("t0", 900), buy("t1", 150))
    tally = history.backtest(STRICTER)
    assert newly_declined_and_approved(tally) == (1, 1)
    (declined, approved) = sorted(tally.largest["USD"], reverse=True)
    assert (declined.recorded.purchase.transaction_id, declined.approved) == ("t0", False)
    assert [reason.code for reason in declined.reasons] == ["amount_limit_exceeded"]
    assert declined.recorded.event_id == history.stream.events[1].event_id
    assert (approved.recorded.purchase.transaction_id, approved.approved) == ("t1", True)
    assert approved.rules == ()
    assert [reason.code for reason in approved.reasons] == ["insufficient_credit"]


def test_a_newly_declined_purchase_does_not_count_in_velocity_windows() -> None:
    """The fourth purchase within an hour is the third in the counterfactual history."""
    history = opened().ask(buy("t0", 250), buy("t1", 10), buy("t2", 10), buy("t3", 10))
    assert newly_declined_and_approved(history.backtest(STRICTER)) == (1, 1)


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
def test_later_events_of_a_newly_declined_purchase_are_dropped(order: list[object]) -> None:
    """The order does not matter. Corrections of dropped clearings are dropped too."""
    history = opened().ask(buy("t0", 250), increment(ACCOUNT, "t0", "i1", 5))
    history.ask(*order, reversal(ACCOUNT, "t0", "v1"), buy("t1", 7))  # type: ignore[arg-type]  # commands
    account = counterfactual_account(history, STRICTER)
    assert (account.posted, account.pending, list(account.holds)) == (0, 7, ["t1"])
    posted = history.stream.account().posted
    assert history.backtest(STRICTER).lines[NOT_POSTED, "", "USD"][5] == posted


def test_a_newly_approved_purchase_holds_for_the_candidates_hold_days() -> None:
    """A hold at a fuel pump lasts 2 days; then its credit is available again."""
    history = RecordedHistory()
    history.stream.ruleset = WAS_LIMITED
    history.ask(opening(ACCOUNT, 1_000), buy("t0", 890, SHOPS[2]))
    history.ask(buy("t1", 150), after=timedelta(hours=47))
    history.ask(buy("t2", 150), after=timedelta(hours=1))
    tally = history.backtest(LOOSER)
    assert newly_declined_and_approved(tally) == (1, 1)
    assert counterfactual_account(history, LOOSER).pending == 150


def test_a_clearing_of_a_declined_purchase_reduces_the_new_hold() -> None:
    """A clearing posts even if the purchase was declined."""
    history = RecordedHistory()
    history.stream.ruleset = WAS_LIMITED
    history.ask(
        opening(ACCOUNT, 1_000), buy("t0", 800), clearing(ACCOUNT, "t0", "c0", 300, final=False)
    )
    account = counterfactual_account(history, LOOSER)
    assert (account.posted, account.pending) == (300, 500)


def test_a_newly_approved_late_purchase_holds_what_is_neither_reversed_nor_cleared() -> None:
    """Of 800, 300 were reversed and 100 cleared before the authorization arrived."""
    history = RecordedHistory()
    history.stream.ruleset = WAS_LIMITED
    history.ask(opening(ACCOUNT, 1_000), reversal(ACCOUNT, "t0", "v0", 300))
    history.ask(clearing(ACCOUNT, "t0", "c0", 100, final=False), buy("t0", 800))
    account = counterfactual_account(history, LOOSER)
    assert (account.posted, account.pending) == (100, 400)


def test_a_newly_declined_late_purchase_stays_posted() -> None:
    """The purchase was cleared before its authorization arrived, so only the hold is missing."""
    history = opened().ask(clearing(ACCOUNT, "t0", "c0", 100, final=False), buy("t0", 300))
    history.ask(clearing(ACCOUNT, "t0", "c1", 100), refund(ACCOUNT, "t0", "r0", 50))
    assert newly_declined_and_approved(history.backtest(STRICTER)) == (1, 0)
    account = counterfactual_account(history, STRICTER)
    assert (account.posted, account.pending) == (150, 0)


def test_holds_end_by_the_candidates_hold_days() -> None:
    """With more hold days, the recorded expiry is ignored; with fewer, the hold ends before it."""
    history = opened().ask(buy("t0", 100)).ask(expiry(ACCOUNT, "t0"), after=timedelta(days=8))
    history.ask(buy("t1", 1))
    longer = RuleSet("retail", 3, rules=ACTIVE.rules, hold_days=HoldDays(30))
    assert list(counterfactual_account(history, longer).holds) == ["t0", "t1"]
    history.ask(buy("t2", 1), after=timedelta(days=23))
    assert list(counterfactual_account(history, longer).holds) == ["t1", "t2"]
    shorter = RuleSet("retail", 3, rules=ACTIVE.rules, hold_days=HoldDays(1))
    assert list(counterfactual_account(history, shorter).holds) == ["t2"]


def test_increments_are_decided_on_the_counterfactual_credit() -> None:
    """The purchase of 850 holds nothing, so an increment of 100 fits."""
    history = opened().ask(buy("t0", 100), buy("t1", 850), increment(ACCOUNT, "t0", "i0", 100))
    tally = history.backtest(STRICTER)
    assert tally.lines["increments", "", "USD"] == [0, 0, 0, 0, 0, 0, 1, 100]
    assert counterfactual_account(history, STRICTER).pending == 200


def test_increments_are_judged_by_the_candidate() -> None:
    """Increments cannot raise a purchase above the limit for one purchase."""
    history = opened().ask(
        buy("t0", 100), increment(ACCOUNT, "t0", "i0", 90), increment(ACCOUNT, "t0", "i1", 20)
    )
    tally = history.backtest(STRICTER)
    assert tally.lines["increments", "", "USD"] == [0, 0, 0, 0, 1, 20, 0, 0]
    assert counterfactual_account(history, STRICTER).pending == 190


def test_only_the_largest_changes_are_kept() -> None:
    history = RecordedHistory()
    history.stream.ruleset = RuleSet("none", 1)
    history.ask(opening(ACCOUNT, 10_000_000))
    history.ask(*(buy(f"t{number}", 300 + number) for number in range(LARGEST + 9)))
    kept = sorted(history.backtest(STRICTER).largest["USD"])
    amounts = [change.recorded.purchase.amount for change in kept]
    assert amounts == list(range(309, 309 + LARGEST))


def test_i7_a_missing_event_is_named() -> None:
    stream = opened().ask(buy("t0", 1), buy("t1", 1)).stream
    rows = [
        (event.originator_id, event.originator_version, event.TOPIC, encode_event(event))
        for event in stream.events
    ]
    with pytest.raises(DamagedHistoryError, match="acc-1, version 3, cannot be replayed"):
        replay_accounts([rows[0], rows[2]], ACTIVE, BEGINNING, Tally())


def test_i7_a_decline_that_lost_its_reasons_is_named() -> None:
    stream = opened().ask(buy("t0", 1)).stream
    opened_row, approved_row = [
        (event.originator_id, event.originator_version, event.TOPIC, encode_event(event))
        for event in stream.events
    ]
    damaged = (*approved_row[:2], DECLINED, approved_row[3])
    with pytest.raises(DamagedHistoryError, match="acc-1, version 2, cannot be replayed"):
        replay_accounts([opened_row, damaged], ACTIVE, BEGINNING, Tally())

"""Increments are judged by the same rules as purchases."""

from __future__ import annotations

from datetime import timedelta

import pytest

from harness.commands import ACCOUNT, NOW, opening, purchase
from harness.streams import Stream
from txplatform.domain.advices import Clearing, Reversal
from txplatform.domain.commands.outcome import Outcome
from txplatform.domain.events import AuthorizationIncremented, IncrementDeclined
from txplatform.domain.ids import TransactionId
from txplatform.domain.reasons import ReasonCode
from txplatform.domain.requests import ControlsChange, Increment
from txplatform.domain.rules import ConfigurableRule
from txplatform.domain.rules.amount_limit import AmountLimit
from txplatform.domain.rules.cash_like import CashLike
from txplatform.domain.rules.category_lists import CategoryDeny
from txplatform.domain.rules.country_lists import CountryAllow
from txplatform.domain.rules.velocity import VelocityAmount, VelocityCount
from txplatform.domain.rulesets import DEFAULT_RULESET, Controls, HoldDays, RuleSet


def approved(*amounts: int) -> Stream:
    """Return a stream with a limit of 1000 and approved purchases of these amounts."""
    stream = Stream()
    stream.ask(opening(ACCOUNT, 1_000))
    for number, amount in enumerate(amounts):
        stream.ask(purchase(ACCOUNT, f"t{number}", amount))
    return stream


def raised(
    stream: Stream, transaction: str, amount: int, *rules: ConfigurableRule
) -> AuthorizationIncremented | IncrementDeclined:
    """Return the event of an increment that is judged by a rule set with these rules."""
    stream.ruleset = RuleSet("tried", 1, rules=rules)
    name = f"i{len(stream.events)}"
    outcome = stream.ask(Increment(name, TransactionId(transaction), ACCOUNT, amount))
    stream.ruleset = DEFAULT_RULESET
    assert isinstance(outcome, Outcome)
    assert isinstance(outcome.event, AuthorizationIncremented | IncrementDeclined)
    return outcome.event


@pytest.mark.parametrize(
    ("rule", "code", "observed"),
    [
        (AmountLimit(149), ReasonCode.AMOUNT_LIMIT_EXCEEDED, 150),
        (CashLike(149, ("5942",)), ReasonCode.AMOUNT_LIMIT_EXCEEDED, 150),
        (VelocityAmount(60, 179), ReasonCode.VELOCITY_AMOUNT_EXCEEDED, 180),
        (CategoryDeny(("5942",)), ReasonCode.MERCHANT_CATEGORY_NOT_ALLOWED, "5942"),
        (CountryAllow(("GBR",)), ReasonCode.COUNTRY_NOT_ALLOWED, "USA"),
    ],
)
def test_an_increment_is_declined_if_the_rules_would_decline_the_raised_purchase(
    rule: ConfigurableRule, code: ReasonCode, observed: int | str
) -> None:
    """100 raised by 20 and 30 is 150. With another purchase of 30, the window has 180."""
    stream = approved(100, 30)
    assert isinstance(raised(stream, "t0", 20), AuthorizationIncremented)
    declined = raised(stream, "t0", 30, rule)
    assert isinstance(declined, IncrementDeclined)
    (reason,) = declined.reasons
    assert (reason.code, declined.observed[rule.RULE]) == (code, observed)
    assert declined.ruleset == "tried@1"
    assert stream.account().pending == 150


@pytest.mark.parametrize(
    "rule", [AmountLimit(150), CashLike(150, ("5942",)), VelocityAmount(60, 180)]
)
def test_an_increment_up_to_the_limit_is_allowed(rule: ConfigurableRule) -> None:
    stream = approved(100, 30)
    raised(stream, "t0", 20)
    assert isinstance(raised(stream, "t0", 30, rule), AuthorizationIncremented)
    assert stream.account().pending == 180


def test_the_cleared_part_counts_toward_the_raised_total() -> None:
    """A purchase of 100 with 60 cleared, raised by 30, counts as 130 and not as 70."""
    stream = approved(100)
    part = Clearing("c", ACCOUNT, TransactionId("t0"), 60, "USD", final=False)
    stream.ask(part)
    declined = raised(stream, "t0", 30, AmountLimit(129))
    assert isinstance(declined, IncrementDeclined)
    assert (declined.raised_from, declined.observed["amount_limit"]) == (100, 130)


def test_the_reversed_part_does_not_count_toward_the_raised_total() -> None:
    """A purchase of 100 with 80 reversed, raised by 60, counts as 80 and not as 160."""
    for limit, kind in ((80, AuthorizationIncremented), (79, IncrementDeclined)):
        stream = approved(100)
        stream.ask(Reversal("r", TransactionId("t0"), ACCOUNT, 80))
        event = raised(stream, "t0", 60, AmountLimit(limit))
        assert isinstance(event, kind)
        assert (event.raised_from, event.observed["amount_limit"]) == (20, 80)


def test_an_approved_increment_extends_the_hold() -> None:
    """The hold days are counted from the increment, or from the approval if the rules say so."""
    stream = approved(100)
    stream.now += timedelta(days=6)
    event = raised(stream, "t0", 1)
    assert isinstance(event, AuthorizationIncremented)
    assert event.expires_at == NOW + timedelta(days=13)
    assert stream.account().holds[TransactionId("t0")] == (101, event.expires_at)
    stream.ruleset = RuleSet("fixed", 1, hold_days=HoldDays(30, extended_by_increments=False))
    outcome = stream.ask(Increment("i-fixed", TransactionId("t0"), ACCOUNT, 1))
    assert isinstance(outcome, Outcome)
    assert outcome.event.hold_expires_at == event.expires_at


def test_an_increment_never_shortens_a_hold() -> None:
    """A rule set with shorter holds was activated after the approval."""
    stream = approved(100)
    stream.ruleset = RuleSet("short", 1, hold_days=HoldDays(1))
    outcome = stream.ask(Increment("i-1", TransactionId("t0"), ACCOUNT, 1))
    assert isinstance(outcome, Outcome)
    assert outcome.event.hold_expires_at == NOW + timedelta(days=7)


@pytest.mark.parametrize(
    ("before", "kind"), [(1, AuthorizationIncremented), (0, IncrementDeclined)]
)
def test_a_hold_that_is_due_cannot_be_raised_even_if_its_expiry_is_not_recorded(
    before: int, kind: type
) -> None:
    stream = approved(100)
    stream.now += timedelta(days=7) - timedelta(microseconds=before)
    event = raised(stream, "t0", 1)
    assert isinstance(event, kind)
    if isinstance(event, IncrementDeclined):
        assert [reason.code for reason in event.reasons] == [ReasonCode.NO_OPEN_HOLD]


def test_an_increment_does_not_count_as_a_purchase() -> None:
    """Rules that count purchases ignore increments."""
    stream = approved(10)
    assert isinstance(raised(stream, "t0", 5, VelocityCount(60, 1)), AuthorizationIncremented)
    account = stream.account()
    since = int(NOW.timestamp()) // 60 - 60
    scope = VelocityCount(60, 1).scope
    assert account.activity.count(since, scope, purchase(ACCOUNT, "x", 1).merchant) == 1
    assert account.activity.amount(since, scope, purchase(ACCOUNT, "x", 1).merchant) == 15


def test_controls_apply_to_increments() -> None:
    """A control that limits purchases to 50 declines an increment to 60."""
    stream = approved(10)
    limit = Controls((AmountLimit(50),))
    stream.ask(ControlsChange("ctl-1", ACCOUNT, limit.stored, "asked for"))
    declined = raised(stream, "t0", 50)
    assert isinstance(declined, IncrementDeclined)
    assert [reason.observed for reason in declined.reasons] == [60]


def test_without_a_hold_only_the_account_checks_apply() -> None:
    """No purchase is known, so no rule about purchases can apply."""
    declined = raised(approved(), "t0", 2_000, AmountLimit(1))
    assert isinstance(declined, IncrementDeclined)
    assert [reason.code for reason in declined.reasons] == [
        ReasonCode.NO_OPEN_HOLD,
        ReasonCode.INSUFFICIENT_CREDIT,
    ]
    assert (declined.purchase, declined.raised_from) == (None, 0)

"""Controls, the rules of a single account: they persist and apply after the rule set's rules."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.backtests import ACTIVE, backtested
from harness.commands import ACCOUNT, opening, purchase
from harness.rule_cases import AccountSeen, buying, judged
from harness.streams import Stream, opened_stream
from txplatform.domain.commands.outcome import CommandRejectedError, Outcome, OutcomeStatus
from txplatform.domain.events import AuthorizationApproved, AuthorizationDeclined
from txplatform.domain.requests import ControlsChange
from txplatform.domain.rules import CONFIGURABLE
from txplatform.domain.rules.amount_limit import AmountLimit
from txplatform.domain.rules.stored import rule_from_stored
from txplatform.domain.rulesets import NO_CONTROLS, Controls, controls_of
from txplatform.eventstore.mapper import decode_event, encode_event
from txplatform.eventstore.snapshot import AccountSnapshot
from txplatform.processing.account_cache import pack_account, unpack_account

ONE_OF_EACH = Controls(
    tuple(rule_from_stored({"rule": rule.RULE, **rule.EXAMPLE}) for rule in CONFIGURABLE)
)


def change(controls_id: str, controls: Controls, reason: str = "asked for") -> ControlsChange:
    """Return a command that replaces the account's controls."""
    return ControlsChange(controls_id, ACCOUNT, controls.stored, reason)


def test_controls_decline_until_they_are_removed() -> None:
    """The decision records the values that controls observed."""
    stream = opened_stream()
    stream.ask(change("c1", Controls((AmountLimit(50),))))
    declined = stream.ask(purchase(ACCOUNT, "t1", 51))
    assert isinstance(declined, Outcome)
    assert isinstance(declined.event, AuthorizationDeclined)
    assert [reason.code for reason in declined.event.reasons] == ["amount_limit_exceeded"]
    assert declined.event.observed["controls: amount_limit"] == 51
    stream.ask(change("c2", NO_CONTROLS))
    approved = stream.ask(purchase(ACCOUNT, "t2", 51))
    assert isinstance(approved, Outcome)
    assert isinstance(approved.event, AuthorizationApproved)
    assert declined.event.observed.keys() - approved.event.observed == {"controls: amount_limit"}


def test_i3_a_repeated_change_does_not_undo_a_later_one() -> None:
    stream = opened_stream()
    first, second = Controls((AmountLimit(50),)), Controls((AmountLimit(60),))
    stream.ask(change("c1", first))
    stream.ask(change("c2", second))
    copy = stream.ask(change("c1", first))
    assert isinstance(copy, Outcome)
    assert (copy.status, copy.event.originator_version) == (OutcomeStatus.DUPLICATE, 2)
    for other in (change("c1", second), change("c1", first, "another reason")):
        refused = stream.ask(other)
        assert isinstance(refused, CommandRejectedError)
        assert refused.reason == "conflicting_copy"
    assert stream.account().controls == second


def test_i1_controls_are_the_same_from_the_log_a_snapshot_and_the_cache() -> None:
    """The controls have every rule, and the event is decoded from its stored bytes."""
    stream = opened_stream()
    stream.ask(change("c1", ONE_OF_EACH))
    event = stream.events[-1]
    stored = encode_event(event)
    revived = decode_event(event.originator_id, event.originator_version, event.TOPIC, stored)
    assert encode_event(revived) == stored
    account = stream.account()
    assert account.controls == ONE_OF_EACH
    packed = unpack_account(pack_account(account))
    assert packed.controls is account.controls  # shared, because a million accounts may be cached
    snapshot = AccountSnapshot.take(account)
    assert snapshot.mutate(None).controls == ONE_OF_EACH


def test_a_backtest_applies_the_controls_of_the_time() -> None:
    """The active rule set changes nothing, so the declines by controls stay."""
    stream = Stream(ruleset=ACTIVE)
    stream.ask(opening(ACCOUNT, 1000))
    stream.ask(purchase(ACCOUNT, "t1", 60))
    stream.ask(change("c1", Controls((AmountLimit(50),))))
    stream.ask(purchase(ACCOUNT, "t2", 60))
    stream.ask(change("c2", NO_CONTROLS))
    stream.ask(purchase(ACCOUNT, "t3", 60))
    tally = backtested(stream, ACTIVE)
    assert tally.judged == 3
    assert not any(tally.largest.values())


RULES: list[Any] = list(ONE_OF_EACH.rules)


@settings(max_examples=200)
@given(
    st.lists(st.sampled_from(RULES), unique_by=id),
    st.lists(st.sampled_from(RULES), unique_by=id),
    st.integers(0, 600_000),
)
def test_controls_can_only_refuse_more(in_force: list[Any], own: list[Any], amount: int) -> None:
    """Every reason to decline without controls stays a reason with controls."""
    without = judged(AccountSeen(), buying(amount), *in_force)
    controls = controls_of(Controls(tuple(own)).stored)
    with_them = judged(AccountSeen(controls=controls), buying(amount), *in_force)
    assert set(without.reasons) <= set(with_them.reasons)
    assert list(with_them.observed.items())[: len(without.observed)] == list(
        without.observed.items()
    )

"""The effect of every message in every transaction state, and the flags of unusual messages."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from harness.commands import ACCOUNT, NOW, SHOP, opening, payment, purchase
from harness.streams import Stream
from txplatform.domain.advices import (
    Clearing,
    Correction,
    Direction,
    Refund,
    Reversal,
    StatusChange,
)
from txplatform.domain.commands import Command
from txplatform.domain.commands.outcome import CommandRejectedError, Outcome, OutcomeStatus
from txplatform.domain.events import AuthorizationApproved, AuthorizationReversed, ClearingCorrected
from txplatform.domain.ids import TransactionId
from txplatform.domain.keys import authorization_key
from txplatform.domain.requests import HoldExpiry, Increment, OperatorStatus
from txplatform.domain.status import AccountStatus
from txplatform.domain.transaction import Transaction, TransactionState

T = TransactionId("t")
HELD = 100
BEFORE: dict[str, list[Command]] = {
    "unknown": [],
    "declined": [purchase(ACCOUNT, "t", 5000)],
    "held": [purchase(ACCOUNT, "t", HELD)],
    "cleared": [
        purchase(ACCOUNT, "t", HELD),
        Clearing("c0", ACCOUNT, T, 90, "USD"),
    ],
    "reversed": [
        purchase(ACCOUNT, "t", HELD),
        Reversal("r0", T, ACCOUNT),
    ],
    "expired": [purchase(ACCOUNT, "t", HELD), HoldExpiry(ACCOUNT, T)],
    "unauthorized": [Clearing("c0", ACCOUNT, T, 30, "USD", final=False)],
}
MESSAGES: dict[str, Command] = {
    "authorize": purchase(ACCOUNT, "t", HELD),
    "increment": Increment("i", T, ACCOUNT, 50),
    "clear part": Clearing("c", ACCOUNT, T, 60, "USD", final=False),
    "clear final": Clearing("c", ACCOUNT, T, 60, "USD"),
    "clear over": Clearing("c", ACCOUNT, T, 160, "USD", final=False),
    "clear zero": Clearing("c", ACCOUNT, T, 0, "USD"),
    "reverse part": Reversal("r", T, ACCOUNT, 40),
    "reverse all": Reversal("r", T, ACCOUNT),
    "expire": HoldExpiry(ACCOUNT, T),
    "refund": Refund("f", ACCOUNT, T, 20, "USD"),
}
# Columns: state before, message, state after, hold, posted amount, flags or first reason.
TABLE = """
unknown      | authorize    | held         | 100 |   0 |
unknown      | increment    | unknown      |   0 |   0 | no_open_hold
unknown      | clear part   | unauthorized |   0 |  60 | no_authorization
unknown      | clear final  | unauthorized |   0 |  60 | no_authorization
unknown      | clear over   | unauthorized |   0 | 160 | no_authorization
unknown      | clear zero   | reversed     |   0 |   0 | no_authorization
unknown      | reverse part | reversed     |   0 |   0 | no_authorization
unknown      | reverse all  | reversed     |   0 |   0 | no_authorization
unknown      | expire       | unknown      |   0 |   0 | no_open_hold
unknown      | refund       | unknown      |   0 | -20 | over_purchase
declined     | authorize    | declined     |   0 |   0 | transaction_id_reused
declined     | increment    | declined     |   0 |   0 | no_open_hold
declined     | clear part   | declined     |   0 |  60 | no_authorization
declined     | clear final  | declined     |   0 |  60 | no_authorization
declined     | clear over   | declined     |   0 | 160 | no_authorization
declined     | clear zero   | declined     |   0 |   0 | no_authorization
declined     | reverse part | declined     |   0 |   0 | declined
declined     | reverse all  | declined     |   0 |   0 | declined
declined     | expire       | declined     |   0 |   0 | no_open_hold
declined     | refund       | declined     |   0 | -20 | over_purchase
held         | authorize    | held         | 100 |   0 | duplicate
held         | increment    | held         | 150 |   0 |
held         | clear part   | held         |  40 |  60 |
held         | clear final  | cleared      |   0 |  60 |
held         | clear over   | cleared      |   0 | 160 | over_hold
held         | clear zero   | reversed     |   0 |   0 |
held         | reverse part | held         |  60 |   0 |
held         | reverse all  | reversed     |   0 |   0 |
held         | expire       | expired      |   0 |   0 |
held         | refund       | held         | 100 | -20 | over_purchase
cleared      | authorize    | cleared      |   0 |  90 | duplicate
cleared      | increment    | cleared      |   0 |  90 | no_open_hold
cleared      | clear part   | cleared      |   0 | 150 | after_final
cleared      | clear final  | cleared      |   0 | 150 | after_final
cleared      | clear over   | cleared      |   0 | 250 | after_final
cleared      | clear zero   | cleared      |   0 |  90 | after_final
cleared      | reverse part | cleared      |   0 |  90 | after_clearing
cleared      | reverse all  | cleared      |   0 |  90 | after_clearing
cleared      | expire       | cleared      |   0 |  90 | no_open_hold
cleared      | refund       | cleared      |   0 |  70 |
reversed     | authorize    | reversed     |   0 |   0 | duplicate
reversed     | increment    | reversed     |   0 |   0 | no_open_hold
reversed     | clear part   | cleared      |   0 |  60 | after_reversal
reversed     | clear final  | cleared      |   0 |  60 | after_reversal
reversed     | clear over   | cleared      |   0 | 160 | after_reversal
reversed     | clear zero   | reversed     |   0 |   0 | after_reversal
reversed     | reverse part | reversed     |   0 |   0 | after_reversal
reversed     | reverse all  | reversed     |   0 |   0 | after_reversal
reversed     | expire       | reversed     |   0 |   0 | no_open_hold
reversed     | refund       | reversed     |   0 | -20 | over_purchase
expired      | authorize    | expired      |   0 |   0 | duplicate
expired      | increment    | expired      |   0 |   0 | no_open_hold
expired      | clear part   | cleared      |   0 |  60 | after_expiry
expired      | clear final  | cleared      |   0 |  60 | after_expiry
expired      | clear over   | cleared      |   0 | 160 | after_expiry
expired      | clear zero   | expired      |   0 |   0 | after_expiry
expired      | reverse part | expired      |   0 |   0 | after_expiry
expired      | reverse all  | expired      |   0 |   0 | after_expiry
expired      | expire       | expired      |   0 |   0 | no_open_hold
expired      | refund       | expired      |   0 | -20 | over_purchase
unauthorized | authorize    | held         |  70 |  30 |
unauthorized | increment    | unauthorized |   0 |  30 | no_open_hold
unauthorized | clear part   | unauthorized |   0 |  90 | no_authorization
unauthorized | clear final  | unauthorized |   0 |  90 | no_authorization
unauthorized | clear over   | unauthorized |   0 | 190 | no_authorization
unauthorized | clear zero   | unauthorized |   0 |  30 | no_authorization
unauthorized | reverse part | unauthorized |   0 |  30 | no_authorization
unauthorized | reverse all  | unauthorized |   0 |  30 | no_authorization
unauthorized | expire       | unauthorized |   0 |  30 | no_open_hold
unauthorized | refund       | unauthorized |   0 |  10 |
"""


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    before: str
    message: str
    state: TransactionState
    hold: int
    posted: int
    said: str


ROWS = [
    Row(before, message, TransactionState(state), int(hold), int(posted), said)
    for before, message, state, hold, posted, said in (
        (cell.strip() for cell in line.split("|")) for line in TABLE.strip().splitlines()
    )
]


def _ask(stream: Stream, command: Command) -> Outcome | CommandRejectedError:
    stream.now = NOW + timedelta(days=40) if isinstance(command, HoldExpiry) else NOW
    return stream.ask(command)


def _opened(*commands: Command, limit: int = 1000) -> Stream:
    stream = Stream()
    for command in (opening(ACCOUNT, limit), *commands):
        assert isinstance(_ask(stream, command), Outcome)
    return stream


def _transaction(stream: Stream) -> Transaction:
    return Transaction.fold(
        event
        for event in stream.events
        if event.key in {authorization_key("t"), "late-authorization:t"}
        or event.transaction_id == T
    )


def _remarks(outcome: Outcome | CommandRejectedError) -> str:
    """Return flags, the first reason, or `duplicate`."""
    if isinstance(outcome, CommandRejectedError):
        return outcome.reason
    if outcome.status is OutcomeStatus.DUPLICATE:
        return "duplicate"
    event: Any = outcome.event
    if reasons := getattr(event, "reasons", ()):
        return str(reasons[0].code)
    return " ".join(getattr(event, "flags", ()))


def test_the_table_has_every_pair_of_state_and_message_once() -> None:
    pairs = [(row.before, row.message) for row in ROWS]
    assert sorted(pairs) == sorted((before, each) for before in BEFORE for each in MESSAGES)
    assert BEFORE.keys() == {state.value for state in TransactionState}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.before}, {row.message}")
def test_a_message_changes_a_transaction_as_the_table_says(row: Row) -> None:
    stream = _opened(*BEFORE[row.before])
    assert _transaction(stream).state is TransactionState(row.before)
    outcome = _ask(stream, MESSAGES[row.message])
    account, transaction = stream.account(), _transaction(stream)
    assert _remarks(outcome) == row.said
    assert (transaction.state, transaction.hold) == (row.state, row.hold)
    assert (account.held(T), account.pending, account.posted) == (row.hold, row.hold, row.posted)


@pytest.mark.parametrize(
    ("limit", "decision"),
    [(100, "approved"), (99, "declined")],
)
def test_the_funds_check_of_a_late_authorization_adds_back_the_posted_amount(
    limit: int, decision: str
) -> None:
    """60 of 100 are already posted, so a limit of 100 is enough, and 40 are held."""
    cleared = Clearing("c", ACCOUNT, T, 60, "USD", final=False)
    stream = _opened(cleared, limit=limit)
    outcome = _ask(stream, purchase(ACCOUNT, "t", 100))
    assert isinstance(outcome, Outcome)
    approved = isinstance(outcome.event, AuthorizationApproved)
    assert ("approved" if approved else "declined") == decision
    assert stream.account().pending == (40 if approved else 0)
    again = _ask(stream, purchase(ACCOUNT, "t", 100))
    assert isinstance(again, Outcome)
    assert (again.status, again.event) == (OutcomeStatus.DUPLICATE, outcome.event)


def test_a_hold_lasts_the_days_of_its_category() -> None:
    """A hold at a bookshop expires after seven days, not earlier, and only once."""
    stream = _opened(purchase(ACCOUNT, "t", 100))
    for days, reason in ((6, "hold_not_due"), (7, None), (8, "no_open_hold")):
        stream.now = NOW + timedelta(days=days)
        outcome = stream.ask(HoldExpiry(ACCOUNT, T))
        assert (outcome.reason if isinstance(outcome, CommandRejectedError) else None) == reason
    assert stream.account().pending == 0


def test_a_hold_at_a_hotel_lasts_longer() -> None:
    """A rule set without hold days uses the usual hold days."""
    at_a_hotel = msgspec.structs.replace(
        purchase(ACCOUNT, "t", 100), merchant=replace(SHOP, category_code="7011")
    )
    stream = _opened(at_a_hotel)
    for days, ended in ((29, False), (30, True)):
        stream.now = NOW + timedelta(days=days)
        assert isinstance(stream.ask(HoldExpiry(ACCOUNT, T)), Outcome) is ended


def test_a_waiting_clearing_is_flagged_by_the_state_of_its_transaction_when_posted() -> None:
    """A reversal needs no opened account, so it takes effect before the waiting clearing."""
    stream = Stream()
    stream.ask(Reversal("r", T, ACCOUNT))
    clearing = Clearing("c", ACCOUNT, T, 60, "USD")
    outcomes = [stream.ask(clearing), stream.ask(clearing)]
    assert [each.status for each in outcomes if isinstance(each, Outcome)] == [
        OutcomeStatus.WAITING,
        OutcomeStatus.DUPLICATE,
    ]
    stream.ask(opening(ACCOUNT, 1000))
    assert stream.account().posted == 60
    assert not stream.account().waiting
    posted: Any = stream.events[-1]
    assert posted.flags == ("after_reversal", "no_authorization")


def test_a_clearing_of_the_whole_hold_has_no_flag() -> None:
    """A clearing of one minor unit more is flagged."""
    for amount, said in ((HELD, ""), (HELD + 1, "over_hold")):
        stream = _opened(purchase(ACCOUNT, "t", HELD))
        clearing = Clearing("c", ACCOUNT, T, amount, "USD", final=False)
        assert _remarks(stream.ask(clearing)) == said


@pytest.mark.parametrize(
    ("commands", "state"),
    [
        ([purchase(ACCOUNT, "t", 0)], TransactionState.CLEARED),  # an account verification
        ([Clearing("c", ACCOUNT, T, 1, "USD", final=False)], TransactionState.UNAUTHORIZED),
        (
            [purchase(ACCOUNT, "t", HELD), Clearing("c", ACCOUNT, T, 1, "USD")],
            TransactionState.CLEARED,
        ),
    ],
)
def test_the_smallest_amounts_settle_a_transaction_like_any_other(
    commands: list[Command], state: TransactionState
) -> None:
    assert _transaction(_opened(*commands)).state is state


def test_a_clearing_after_one_of_the_whole_hold_is_flagged() -> None:
    """The later clearing is flagged although it is smaller than the authorized amount."""
    stream = _opened(
        purchase(ACCOUNT, "t", HELD),
        Clearing("c1", ACCOUNT, T, HELD, "USD", final=False),
    )
    more = Clearing("c2", ACCOUNT, T, 1, "USD", final=False)
    assert _remarks(stream.ask(more)) == "over_hold"


def test_copies_of_a_clearing_are_compared_by_the_fields_that_both_have() -> None:
    """HTTP clearings have no merchant, Kafka clearings no caller's time; both have an amount."""
    stream = _opened()
    first = Clearing("c", ACCOUNT, None, 60, "USD", occurred_at=NOW)
    stream.ask(first)
    copy = Clearing("c", ACCOUNT, None, 60, "USD", presented_at=NOW)
    other = Clearing("c", ACCOUNT, None, 61, "USD", presented_at=NOW)
    outcome = stream.ask(copy)
    assert isinstance(outcome, Outcome)
    assert outcome.status is OutcomeStatus.DUPLICATE
    rejected = stream.ask(other)
    assert isinstance(rejected, CommandRejectedError)
    assert stream.account().posted == 60


def test_a_correction_takes_a_clearing_or_refund_back_and_restores_no_hold() -> None:
    """Credit corrects a clearing, debit a refund."""
    stream = _opened(
        purchase(ACCOUNT, "t", 100),
        Clearing("c", ACCOUNT, T, 60, "USD", final=False),
        Refund("f", ACCOUNT, None, 10, "USD", presented=True),
        Correction("x1", ACCOUNT, T, "c", Direction.CREDIT, 60, "USD"),
        Correction("x2", ACCOUNT, None, "f", Direction.DEBIT, 10, "USD"),
    )
    assert (stream.account().posted, stream.account().pending) == (0, 40)
    of_clearing, of_refund = stream.events[-2:]
    assert isinstance(of_clearing, ClearingCorrected)
    assert isinstance(of_refund, ClearingCorrected)
    assert (of_clearing.flags, of_refund.flags) == ((), ())


@pytest.mark.parametrize(
    ("before", "reversed_amount", "released", "flags"),
    [
        ([], HELD + 1, HELD, ["over_hold"]),
        ([], HELD, HELD, []),
        ([Clearing("c", ACCOUNT, T, 60, "USD", final=False)], 41, 40, ["after_clearing"]),
        ([Clearing("c", ACCOUNT, T, 60, "USD", final=False)], None, 40, []),
        ([Reversal("r0", T, ACCOUNT, 30)], 71, 70, ["after_reversal"]),
        (
            [Reversal("r0", T, ACCOUNT, 30), Reversal("r1", T, ACCOUNT, 70)],
            1,
            0,
            ["after_reversal"],
        ),
        ([Reversal("r0", T, ACCOUNT, HELD)], None, 0, ["after_reversal"]),
        ([Clearing("c", ACCOUNT, T, 0, "USD")], None, 0, ["after_clearing"]),
        (
            [Clearing("c", ACCOUNT, T, 60, "USD", final=False), HoldExpiry(ACCOUNT, T)],
            1,
            0,
            ["after_expiry"],
        ),
    ],
)
def test_a_reversal_that_releases_less_than_asked_says_why(
    before: list[Command], reversed_amount: int | None, released: int, flags: list[str]
) -> None:
    stream = _opened(purchase(ACCOUNT, "t", HELD), *before)
    outcome = stream.ask(Reversal("r", T, ACCOUNT, reversed_amount))
    assert isinstance(outcome, Outcome)
    event = outcome.event
    assert isinstance(event, AuthorizationReversed)
    assert (event.released, [*event.flags]) == (released, flags)


def test_the_reversal_of_an_account_verification_has_no_flag() -> None:
    """It asks for nothing, and releases nothing."""
    stream = _opened(purchase(ACCOUNT, "t", 0))
    assert _remarks(stream.ask(Reversal("r", T, ACCOUNT))) == ""


def test_a_reversal_before_its_authorization_is_heeded_when_that_comes() -> None:
    stream = _opened(Reversal("r", T, ACCOUNT, 40))
    assert isinstance(stream.ask(purchase(ACCOUNT, "t", HELD)), Outcome)
    assert stream.account().pending == HELD - 40


def test_a_clearing_after_partial_reversals_of_the_whole_is_after_a_reversal() -> None:
    stream = _opened(
        purchase(ACCOUNT, "t", HELD), Reversal("r0", T, ACCOUNT, 40), Reversal("r1", T, ACCOUNT, 60)
    )
    assert _remarks(stream.ask(Clearing("c", ACCOUNT, T, 60, "USD"))) == "after_reversal"


def test_a_zero_clearing_after_a_partial_clearing_leaves_the_purchase_cleared() -> None:
    stream = _opened(
        purchase(ACCOUNT, "t", HELD), Clearing("c0", ACCOUNT, T, 60, "USD", final=False)
    )
    assert _remarks(stream.ask(Clearing("c", ACCOUNT, T, 0, "USD"))) == ""
    assert _transaction(stream).state is TransactionState.CLEARED
    assert (stream.account().posted, stream.account().pending) == (60, 0)


@pytest.mark.parametrize("status", [AccountStatus.FROZEN, AccountStatus.CLOSED])
def test_a_frozen_or_closed_account_refuses_purchases_and_increments_only(
    status: AccountStatus,
) -> None:
    """Clearings, reversals, refunds and payments always post."""
    stream = _opened(
        purchase(ACCOUNT, "t", 100),
        OperatorStatus("s", ACCOUNT, status, "lost"),
    )
    for refused in (
        purchase(ACCOUNT, "u", 1),
        Increment("i", T, ACCOUNT, 1),
    ):
        assert _remarks(stream.ask(refused)) == f"account_{status.value}"
    for taken in (
        Clearing("c", ACCOUNT, T, 60, "USD", final=False),
        Reversal("r", T, ACCOUNT),
        Refund("f", ACCOUNT, T, 20, "USD"),
        payment(ACCOUNT, "p", 10),
    ):
        assert isinstance(stream.ask(taken), Outcome)
    assert (stream.account().posted, stream.account().pending) == (30, 0)


def _changed(version: int, status: AccountStatus) -> StatusChange:
    return StatusChange(ACCOUNT, status, version, "because", NOW)


def test_the_stricter_of_the_operators_and_the_teams_status_is_in_force() -> None:
    strictness = list(AccountStatus)
    for operator in AccountStatus:
        for team in AccountStatus:
            set_status = OperatorStatus("s", ACCOUNT, operator, "because")
            account = _opened(set_status, _changed(1, team)).account()
            stricter = max(operator, team, key=strictness.index)
            assert account.status is stricter, (operator, team)


def test_closed_is_terminal_whatever_version_closes() -> None:
    """The team's newest version counts, but an older version can still close the account."""
    active, frozen, closed = AccountStatus
    stream = _opened(OperatorStatus("s1", ACCOUNT, frozen, "lost"))
    assert isinstance(stream.ask(_changed(2, active)), Outcome)
    assert stream.account().status is frozen
    stream.ask(OperatorStatus("s2", ACCOUNT, active, "found"))
    assert stream.account().status is active
    stale = stream.ask(_changed(1, frozen))
    assert isinstance(stale, Outcome)
    assert (stale.status, stream.account().status) == (OutcomeStatus.STALE, active)
    stream.ask(_changed(4, frozen))
    stream.ask(_changed(3, closed))
    assert stream.account().status_version == 4
    stream.ask(_changed(5, active))
    assert stream.account().status is closed
    rejected = stream.ask(OperatorStatus("s3", ACCOUNT, active, "please"))
    assert isinstance(rejected, CommandRejectedError)

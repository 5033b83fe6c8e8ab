"""The folds of the read models, without any I/O."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.commands import ACCOUNT, NOW, limit_change, opening, payment, payment_return, purchase
from harness.shuffled import Sent, arrive, shuffled_histories
from harness.streams import Stream
from txplatform.domain.account import Hold
from txplatform.domain.advices import Correction, Direction, Refund, StatusChange
from txplatform.domain.commands import Command
from txplatform.domain.events import EVENT_TYPES
from txplatform.domain.ids import TransactionId
from txplatform.domain.requests import Opening, OperatorStatus
from txplatform.domain.status import AccountStatus
from txplatform.eventstore.statements import LoggedEvent
from txplatform.projections import PROJECTIONS
from txplatform.projections.directory import AccountChange, account_changes
from txplatform.projections.money import money_change
from txplatform.projections.open_holds import hold_changes
from txplatform.projections.transactions import new_rows


def logged(*commands: Command) -> list[LoggedEvent]:
    """The log after these commands."""
    stream = Stream()
    for command in commands:
        stream.ask(command)
    return [
        LoggedEvent(position, NOW, event)
        for position, event in zip(itertools.count(10, 10), stream.events, strict=False)
    ]


def test_a_decision_becomes_a_row_and_so_does_the_first_event_that_names_a_transaction() -> None:
    """By the account's version; what comes after a decision adds no row to it."""
    decided, named = new_rows(
        logged(
            opening(ACCOUNT, 1000),
            purchase(ACCOUNT, "approved", 300),
            purchase(ACCOUNT, "declined", 5000),
            payment(ACCOUNT, "p", 70),
            Refund("f1", ACCOUNT, TransactionId("named"), 1, "USD"),
            Refund("f2", ACCOUNT, TransactionId("named"), 1, "USD"),
            Refund("f3", ACCOUNT, None, 1, "USD"),
        )
    )
    assert decided == [(ACCOUNT, "approved", 2), (ACCOUNT, "declined", 3)]
    assert named == [(ACCOUNT, "named", 5)]


def test_a_decision_without_an_account_becomes_a_row() -> None:
    """The decline is the account's first event."""
    assert new_rows(logged(purchase(ACCOUNT, "t", 1))) == ([(ACCOUNT, "t", 1)], [])


def test_the_directory_adds_up_what_a_batch_changes() -> None:
    """Sums for money, the newest for the rest."""
    changes = account_changes(
        logged(
            opening(ACCOUNT, 1000),
            purchase(ACCOUNT, "t1", 300),
            purchase(ACCOUNT, "t2", 5000),
            payment(ACCOUNT, "p1", 70),
            payment(ACCOUNT, "p2", 30),
            payment_return(ACCOUNT, "p1", 70),
            limit_change(ACCOUNT, 2, 900),
            limit_change(ACCOUNT, 1, 1),
        )
    )
    assert changes == {
        ACCOUNT: AccountChange(
            ACCOUNT,
            account_version=8,
            currency="USD",
            credit_limit=900,
            limit_version=2,
            posted=-30,
            pending=300,
            opened_at=NOW,
            updated_at=NOW,
        )
    }


def test_what_waits_changes_no_money_in_the_directory() -> None:
    """It makes the account known, no more."""
    changes = account_changes(logged(payment(ACCOUNT, "p", 70), limit_change(ACCOUNT, 1, 900)))
    assert changes == {ACCOUNT: AccountChange(ACCOUNT, account_version=2, updated_at=NOW)}


def test_an_opening_without_a_time_is_dated_when_it_was_told() -> None:
    """The caller need not give one."""
    changes = account_changes(logged(Opening(ACCOUNT, "USD", 1)))
    assert changes[ACCOUNT].opened_at == NOW


def told(version: int, status: AccountStatus) -> StatusChange:
    """The accounts team's status."""
    return StatusChange(ACCOUNT, status, version, "", NOW)


def test_the_directory_keeps_the_operator_s_status_and_the_team_s_apart() -> None:
    """The newest of each; one that came late and has no effect is not looked at."""
    changes = account_changes(
        logged(
            told(2, AccountStatus.FROZEN),
            told(1, AccountStatus.ACTIVE),
            OperatorStatus("s1", ACCOUNT, AccountStatus.FROZEN, ""),
            OperatorStatus("s2", ACCOUNT, AccountStatus.ACTIVE, ""),
        )
    )
    assert changes == {
        ACCOUNT: AccountChange(
            ACCOUNT,
            account_version=4,
            operator_status=AccountStatus.ACTIVE,
            team_status=AccountStatus.FROZEN,
            updated_at=NOW,
        )
    }


def test_the_directory_s_closed_is_for_ever() -> None:
    """Told late or overruled by a newer version."""
    for order in ((2, 1, 3), (1, 2, 3), (1, 3, 2)):
        changes = account_changes(
            logged(
                *(
                    told(version, AccountStatus.CLOSED if version == 1 else AccountStatus.ACTIVE)
                    for version in order
                )
            )
        )
        assert changes[ACCOUNT].team_status == "closed"


@settings(max_examples=300)
@given(shuffled_histories(limit=500), st.integers(1, 9))
def test_i1_the_open_holds_of_any_life_are_those_of_the_account(sent: Sent, batch: int) -> None:
    """In whatever batches the events are folded."""
    stream = Stream()
    arrive(stream, sent)
    rows: dict[TransactionId, Hold] = {}
    for begin in range(0, len(stream.events), batch):
        for key, change in hold_changes(stream.events[begin : begin + batch]).items():
            assert key[0] == ACCOUNT
            held, expires_at = rows.pop(key[1], (0, change.expires_at))
            if held + change.amount:
                rows[key[1]] = (held + change.amount, expires_at)
    assert rows == stream.account().holds


@settings(max_examples=100)
@given(shuffled_histories())
def test_i1_the_directory_s_money_of_any_life_is_the_account_s(sent: Sent) -> None:
    """Added up event by event, in an arithmetic of its own; a corrected refund is owed again."""
    stream = Stream()
    arrive(stream, sent)
    stream.ask(Refund("given", ACCOUNT, None, 30, "USD"))
    owed_again = Correction("taken", ACCOUNT, None, "given", Direction.DEBIT, 20, "USD")
    stream.ask(owed_again)
    changes = [money_change(event) for event in stream.events]
    account = stream.account()
    assert sum(posted for posted, _ in changes) == account.posted
    assert sum(pending for _, pending in changes) == account.pending


def test_every_read_model_reads_events_that_accounts_have() -> None:
    """Another kind of event would leave a read model empty without an error."""
    for projection in PROJECTIONS:
        assert projection.events
        assert projection.events <= {*EVENT_TYPES}

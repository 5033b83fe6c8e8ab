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
    """Return the log after these commands."""
    stream = Stream()
    for command in commands:
        stream.ask(command)
    return [
        LoggedEvent(position, NOW, event)
        for position, event in zip(itertools.count(10, 10), stream.events, strict=False)
    ]


def test_a_decision_becomes_a_row_and_so_does_the_first_event_of_a_transaction() -> None:
    """Rows have the account version. Later events of a transaction add no row."""
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


def test_a_decline_of_an_account_without_events_becomes_a_row() -> None:
    assert new_rows(logged(purchase(ACCOUNT, "t", 1))) == ([(ACCOUNT, "t", 1)], [])


def test_the_directory_adds_up_amounts_and_keeps_the_newest_of_other_values() -> None:
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


def test_a_waiting_message_changes_no_balance_in_the_directory() -> None:
    changes = account_changes(logged(payment(ACCOUNT, "p", 70), limit_change(ACCOUNT, 1, 900)))
    assert changes == {ACCOUNT: AccountChange(ACCOUNT, account_version=2, updated_at=NOW)}


def test_an_opening_without_a_time_has_the_time_of_its_decision() -> None:
    changes = account_changes(logged(Opening(ACCOUNT, "USD", 1)))
    assert changes[ACCOUNT].opened_at == NOW


def team_status(version: int, status: AccountStatus) -> StatusChange:
    """A status set by the accounts team."""
    return StatusChange(ACCOUNT, status, version, "", NOW)


def test_the_directory_keeps_the_newest_status_of_the_operator_and_of_the_team() -> None:
    changes = account_changes(
        logged(
            team_status(2, AccountStatus.FROZEN),
            team_status(1, AccountStatus.ACTIVE),
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


def test_an_account_closed_by_the_team_stays_closed_in_the_directory() -> None:
    """The closing status may arrive late, or a newer version may follow."""
    for order in ((2, 1, 3), (1, 2, 3), (1, 3, 2)):
        changes = account_changes(
            logged(
                *(
                    team_status(
                        version, AccountStatus.CLOSED if version == 1 else AccountStatus.ACTIVE
                    )
                    for version in order
                )
            )
        )
        assert changes[ACCOUNT].team_status == "closed"


@settings(max_examples=300)
@given(shuffled_histories(limit=500), st.integers(1, 9))
def test_i1_the_open_holds_of_any_history_are_those_of_the_account(sent: Sent, batch: int) -> None:
    """The size of the batches in which events are folded makes no difference."""
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
def test_i1_the_directory_has_the_balance_of_the_account_for_any_history(sent: Sent) -> None:
    """The fold has its own arithmetic. The history includes a corrected refund."""
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
    """A read model of unknown events would stay empty without an error."""
    for projection in PROJECTIONS:
        assert projection.events
        assert projection.events <= {*EVENT_TYPES}

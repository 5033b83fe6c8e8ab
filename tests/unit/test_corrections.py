"""Corrections: they wait for their original, are checked against it, and are flagged."""

from __future__ import annotations

from itertools import permutations

import pytest

from harness.commands import ACCOUNT, clearing, correction, opening, purchase, refund
from harness.streams import Stream, opened_stream
from txplatform.contracts.outbound import transaction_cleared
from txplatform.domain.advices import Correction, Direction
from txplatform.domain.commands import Command
from txplatform.domain.commands.outcome import CommandRejectedError, Outcome, OutcomeStatus
from txplatform.domain.events import ClearingCorrected, PurchaseCleared, WaitingMessageRejected

CREDIT, DEBIT = Direction.CREDIT, Direction.DEBIT


def flags_of(outcome: Outcome | CommandRejectedError) -> list[str]:
    """Return the flags of a posted correction."""
    assert isinstance(outcome, Outcome)
    assert isinstance(outcome.event, ClearingCorrected)
    return [*outcome.event.flags]


def opened_with(*commands: Command) -> Stream:
    """Return an opened stream after these commands."""
    stream = opened_stream()
    for command in commands:
        assert isinstance(stream.ask(command), Outcome)
    return stream


def rejections(stream: Stream) -> list[tuple[str, str]]:
    """Return the business key and reason of each waiting message that was rejected."""
    return [
        (event.business_key, event.reason)
        for event in stream.events
        if isinstance(event, WaitingMessageRejected)
    ]


@pytest.mark.parametrize("transaction", ["t", None])
def test_a_correction_waits_until_its_original_is_posted(transaction: str | None) -> None:
    """It is then posted with its original, and a copy of it is a duplicate at any time."""
    stream = opened_stream()
    early = correction(ACCOUNT, transaction, "x", "c", 60)
    waiting, copy = stream.ask(early), stream.ask(early)
    assert isinstance(waiting, Outcome)
    assert isinstance(copy, Outcome)
    assert (waiting.status, copy.status) == (OutcomeStatus.WAITING, OutcomeStatus.DUPLICATE)
    assert stream.account().posted == 0
    stream.ask(clearing(ACCOUNT, transaction, "c", 100))
    assert (stream.account().posted, len(stream.account().waiting)) == (40, 0)
    posted = stream.ask(early)
    assert isinstance(posted, Outcome)
    assert posted.status is OutcomeStatus.DUPLICATE
    assert flags_of(posted) == []


@pytest.mark.parametrize("transaction", ["t", None])
def test_a_chain_of_corrections_ends_the_same_in_any_order(transaction: str | None) -> None:
    """A clearing, its correction, the correction's correction, and the opening."""
    chain: list[Command] = [
        opening(ACCOUNT),
        clearing(ACCOUNT, transaction, "c", 100),
        correction(ACCOUNT, transaction, "x", "c", 60),
        correction(ACCOUNT, transaction, "y", "x", 50, DEBIT),
    ]
    for order in permutations(chain):
        stream = Stream()
        for command in order:
            assert isinstance(stream.ask(command), Outcome)
        account = stream.account()
        assert (account.posted, len(account.waiting)) == (90, 0), order
        assert all(
            not event.flags for event in stream.events if isinstance(event, ClearingCorrected)
        )


@pytest.mark.parametrize(
    ("original", "wrong"),
    [
        (clearing(ACCOUNT, "t", "c", 100), DEBIT),
        (clearing(ACCOUNT, None, "c", 100), DEBIT),
        (refund(ACCOUNT, None, "c", 100, presented=True), CREDIT),
    ],
)
def test_a_correction_in_its_originals_direction_is_refused(
    original: Command, wrong: Direction
) -> None:
    """If it came first, it is rejected when the original comes. Nothing is posted for it."""
    same_way = correction(ACCOUNT, "t", "x", "c", 100, wrong)
    stream = opened_with(original)
    posted = stream.account().posted
    refused = stream.ask(same_way)
    assert isinstance(refused, CommandRejectedError)
    assert refused.reason == "wrong_direction"
    early = opened_with(same_way, original)
    assert rejections(early) == [("clearing:x", "wrong_direction")]
    for one in (stream, early):
        assert (one.account().posted, len(one.account().waiting)) == (posted, 0)


def test_a_correction_of_a_correction_has_the_originals_direction() -> None:
    stream = opened_with(clearing(ACCOUNT, "t", "c", 100), correction(ACCOUNT, "t", "x", "c", 100))
    refused = stream.ask(correction(ACCOUNT, "t", "y", "x", 100, CREDIT))
    assert isinstance(refused, CommandRejectedError)
    assert isinstance(stream.ask(correction(ACCOUNT, "t", "z", "x", 100, DEBIT)), Outcome)
    assert stream.account().posted == 100


@pytest.mark.parametrize("transaction", ["t", None])
def test_a_second_correction_and_one_above_its_original_are_flagged(
    transaction: str | None,
) -> None:
    """They are posted nevertheless. Taking a correction back makes room for another one."""
    stream = opened_with(clearing(ACCOUNT, transaction, "c", 100))
    for clearing_id, reverses, amount, direction, flags in (
        ("x1", "c", 60, CREDIT, []),
        ("x2", "c", 40, CREDIT, ["corrected_before"]),
        ("x3", "c", 1, CREDIT, ["corrected_before", "over_clearing"]),
        ("y1", "x1", 61, DEBIT, ["over_clearing"]),
        ("y2", "x2", 40, DEBIT, []),
        ("y3", "x3", 1, DEBIT, []),
        ("x4", "c", 101, CREDIT, []),
    ):
        stream.ask(correction(ACCOUNT, transaction, f"old-{clearing_id}", "nobody", 1))
        found = stream.ask(
            correction(ACCOUNT, transaction, clearing_id, reverses, amount, direction)
        )
        assert flags_of(found) == flags, clearing_id


def test_a_correction_that_names_another_transaction_counts_for_its_originals() -> None:
    """A correction need not name the transaction."""
    for named, flags in (("t", []), (None, []), ("u", ["other_transaction"])):
        stream = opened_with(clearing(ACCOUNT, "t", "c", 100))
        outcome = stream.ask(correction(ACCOUNT, named, "x", "c", 100))
        assert flags_of(outcome) == flags
        assert stream.events[-1].transaction_id == "t"
    stream = opened_with(clearing(ACCOUNT, None, "c", 100))
    assert flags_of(stream.ask(correction(ACCOUNT, "u", "x", "c", 9))) == ["other_transaction"]
    assert stream.events[-1].transaction_id is None


def test_a_waiting_correction_in_another_currency_is_rejected_with_its_original() -> None:
    """On an opened account it is refused at once."""
    foreign = Correction("x", ACCOUNT, None, "c", CREDIT, 5, "EUR")
    stream = Stream()
    for command in (foreign, clearing(ACCOUNT, None, "c", 5), opening(ACCOUNT)):
        assert isinstance(stream.ask(command), Outcome)
    assert rejections(stream) == [("clearing:x", "currency_mismatch")]
    refused = opened_stream().ask(foreign)
    assert isinstance(refused, CommandRejectedError)


def test_presentments_share_their_ids_but_refunds_have_their_own() -> None:
    """A correction takes back a presentment, never a refund of the same id."""
    stream = opened_with(
        clearing(ACCOUNT, None, "c", 100),
        refund(ACCOUNT, None, "c", 10),
        correction(ACCOUNT, None, "x", "c", 100),
    )
    assert stream.account().posted == -10
    for used in (
        refund(ACCOUNT, None, "c", 100, presented=True),
        clearing(ACCOUNT, None, "x", 100),
    ):
        refused = stream.ask(used)
        assert isinstance(refused, CommandRejectedError)
        assert refused.reason == "conflicting_copy"
    only_refunded = opened_with(refund(ACCOUNT, None, "r", 10))
    waiting = only_refunded.ask(correction(ACCOUNT, None, "x", "r", 10, DEBIT))
    assert isinstance(waiting, Outcome)
    assert waiting.status is OutcomeStatus.WAITING


def test_a_correction_is_published_with_the_sign_of_its_effect() -> None:
    """It belongs to the transaction of its original, whatever transaction it names."""
    stream = opened_with(
        clearing(ACCOUNT, "t", "c", 100),
        refund(ACCOUNT, "t", "r", 5, presented=True),
        correction(ACCOUNT, "u", "x", "c", 60),
        correction(ACCOUNT, None, "y", "r", 5, DEBIT),
    )
    published = [
        transaction_cleared(event)
        for event in stream.events
        if isinstance(event, PurchaseCleared | ClearingCorrected)
    ]
    assert [(each.transaction_id, each.amount) for each in published] == [
        *(("t", 100), ("t", -60), ("t", 5)),
    ]
    assert all(each.amount == each.posted_change for each in published)


def test_a_completion_of_zero_is_published_as_cleared() -> None:
    stream = opened_with(purchase(ACCOUNT, "t", 100), clearing(ACCOUNT, "t", "c", 0))
    (cleared,) = (event for event in stream.events if isinstance(event, PurchaseCleared))
    published = transaction_cleared(cleared)
    assert (published.amount, published.released, published.final) == (0, 100, True)

"""The conflict rate is high only if others write to the same accounts."""

from __future__ import annotations

from txplatform.processing.account_cache import ConflictRate


def test_a_few_conflicts_do_not_make_the_rate_high() -> None:
    conflict_rate = ConflictRate()
    for _ in range(100):
        conflict_rate.note(100, 1)
    assert not conflict_rate.high


def test_the_rate_is_high_after_a_few_batches_in_which_half_the_accounts_were_behind() -> None:
    """This happens when two processes write to the same accounts."""
    conflict_rate = ConflictRate()
    for _ in range(3):
        conflict_rate.note(100, 50)
    assert conflict_rate.high


def test_the_rate_falls_again_when_no_account_is_behind() -> None:
    conflict_rate = ConflictRate()
    conflict_rate.note(500, 250)
    assert conflict_rate.high
    for _ in range(30):
        conflict_rate.note(100, 0)
    assert not conflict_rate.high


def test_one_conflict_does_not_make_the_rate_high() -> None:
    conflict_rate = ConflictRate()
    conflict_rate.note(1, 1)
    conflict_rate.note(0, 0)
    assert not conflict_rate.high

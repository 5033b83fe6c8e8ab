"""Reading first pays where others write to the same accounts, and only there."""

from __future__ import annotations

from txplatform.processing.account_cache import ConflictRate


def test_accounts_that_only_this_process_writes_to_are_not_read_first() -> None:
    """Nor do a few strangers change that."""
    conflict_rate = ConflictRate()
    for _ in range(100):
        conflict_rate.note(100, 1)
    assert not conflict_rate.high


def test_where_every_second_account_is_behind_it_is_noticed_within_a_few_batches() -> None:
    """Two processes that share the accounts."""
    conflict_rate = ConflictRate()
    for _ in range(3):
        conflict_rate.note(100, 50)
    assert conflict_rate.high


def test_it_turns_itself_off_when_the_other_process_is_gone() -> None:
    """What was read turned out to be up to date again and again."""
    conflict_rate = ConflictRate()
    conflict_rate.note(500, 250)
    assert conflict_rate.high
    for _ in range(30):
        conflict_rate.note(100, 0)
    assert not conflict_rate.high


def test_one_account_alone_does_not_decide() -> None:
    """A single clash is no trend, nor is a batch in which nothing was remembered."""
    conflict_rate = ConflictRate()
    conflict_rate.note(1, 1)
    conflict_rate.note(0, 0)
    assert not conflict_rate.high

"""Reading first pays where others write to the same accounts, and only there."""

from __future__ import annotations

from txplatform.decisions.staleness import Staleness


def test_accounts_that_only_this_process_writes_to_are_not_read_first() -> None:
    """Nor do a few strangers change that."""
    staleness = Staleness()
    for _ in range(100):
        staleness.note(100, 1)
    assert not staleness.frequent


def test_where_every_second_account_is_behind_it_is_noticed_within_a_few_batches() -> None:
    """Two processes that share the accounts."""
    staleness = Staleness()
    for _ in range(3):
        staleness.note(100, 50)
    assert staleness.frequent


def test_it_turns_itself_off_when_the_other_process_is_gone() -> None:
    """What was read turned out to be up to date again and again."""
    staleness = Staleness()
    staleness.note(500, 250)
    assert staleness.frequent
    for _ in range(30):
        staleness.note(100, 0)
    assert not staleness.frequent


def test_one_account_alone_does_not_decide() -> None:
    """A single clash is no trend, nor is a batch in which nothing was remembered."""
    staleness = Staleness()
    staleness.note(1, 1)
    staleness.note(0, 0)
    assert not staleness.frequent

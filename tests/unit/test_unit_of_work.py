"""A batch of commands without a database: what it wants to be read, and what it appends."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count

from harness.commands import ORIGIN, opening, payment, purchase, refund
from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.commands import Command
from txplatform.domain.commands.outcome import CommandRejectedError, Outcome
from txplatform.domain.ids import AccountId, account_stream
from txplatform.eventstore.statements import READ_KEYS, READ_STREAMS
from txplatform.processing.account_cache import AccountCache
from txplatform.processing.pending_command import PendingCommand
from txplatform.processing.unit_of_work import UnitOfWork

IDS = count()
CONTEXT = DecisionContext(datetime(2026, 11, 20, tzinfo=UTC), lambda: f"e{next(IDS)}", ORIGIN)
STREAM = account_stream(AccountId("acc"))


def cached(*commands: Command) -> AccountCache:
    """A cache with the account after these commands."""
    work = UnitOfWork()
    for command in commands:
        work.execute(STREAM, command, CONTEXT)
    work.collect()
    cache = AccountCache(10)
    cache.keep(work.accounts.values())
    return cache


def appended(work: UnitOfWork, *conflicts: str) -> None:
    """Append, with these streams left out."""
    for query in work.append():
        assert query.take is not None
        query.take([(list(conflicts),)])


def test_a_cached_account_is_decided_on_without_reading() -> None:
    work = UnitOfWork(cached(opening("acc")))
    command = PendingCommand(purchase("acc", "t", 5), ORIGIN)
    work.include(command)
    assert list(work.load()) == []
    assert work.attempt(command, CONTEXT)
    assert isinstance(command.result, Outcome)


def test_an_account_that_is_not_cached_is_read_once_for_all_its_commands() -> None:
    work = UnitOfWork(AccountCache(10))
    for number in range(3):
        work.include(PendingCommand(purchase("acc", f"t{number}", 5), ORIGIN))
    (query,) = work.load()
    assert (query.statement, query.parameters) == (READ_STREAMS, ([STREAM], [0]))


def test_a_rejection_is_final_only_after_its_keys_were_looked_up() -> None:
    """It appends nothing, so neither an old account nor an earlier copy would be a conflict."""
    work = UnitOfWork(cached(opening("acc")))
    command = PendingCommand(payment("acc", "p", 5, currency="EUR"), ORIGIN)
    work.include(command)
    assert list(work.load()) == []
    assert not work.attempt(command, CONTEXT)
    assert command.result is None
    assert [query.statement for query in work.load()] == [READ_STREAMS, READ_KEYS]
    assert work.attempt(command, CONTEXT)
    assert isinstance(command.result, CommandRejectedError)


def test_an_account_with_events_to_append_is_not_read_again() -> None:
    """What others appended meanwhile cannot go on top of them: the append is a conflict then."""
    work = UnitOfWork(cached(opening("acc")))
    first, second = payment("acc", "p", 5), payment("acc", "q", 5, currency="EUR")
    commands = [PendingCommand(each, ORIGIN) for each in (first, second)]
    for command in commands:
        work.include(command)
    assert list(work.load()) == []
    assert work.attempt(commands[0], CONTEXT)
    assert not work.attempt(commands[1], CONTEXT)
    assert [query.statement for query in work.load()] == [READ_KEYS]


def test_a_transaction_that_was_missing_is_read_at_once_the_next_time() -> None:
    command = PendingCommand(refund("acc", "t", "r", 5), ORIGIN)
    work = UnitOfWork(cached(opening("acc")))
    work.include(command)
    assert list(work.load()) == []
    assert not work.attempt(command, CONTEXT)
    again = UnitOfWork(cached(opening("acc")))
    again.include(command)
    assert list(again.load()) != []
    assert again.attempt(command, CONTEXT)


def test_what_conflicts_is_forgotten_and_everything_else_is_kept() -> None:
    cache = cached(opening("acc"))
    work = UnitOfWork(cache)
    other = account_stream(AccountId("other"))
    work.include(PendingCommand(purchase("acc", "t", 5), ORIGIN))
    work.include(PendingCommand(opening("other"), ORIGIN))
    list(work.load())
    work.execute(STREAM, purchase("acc", "t", 5), CONTEXT)
    work.execute(other, opening("other"), CONTEXT)
    appended(work, STREAM)
    work.cache_accounts()
    assert work.conflicts == {STREAM}
    assert [event.originator_id for event in work.events] == [other]
    assert cache.take(STREAM) is None
    assert isinstance(cache.take(other), Account)


def test_accounts_are_read_first_after_many_conflicts() -> None:
    cache = cached(opening("acc"))
    cache.conflict_rate.note(500, 500)
    work = UnitOfWork(cache)
    work.include(PendingCommand(purchase("acc", "t", 5), ORIGIN))
    (query,) = work.load()
    assert (query.statement, query.parameters) == (READ_STREAMS, ([STREAM], [1]))


def test_keys_are_looked_up_first_if_copies_are_common_and_the_append_would_not_find_them() -> None:
    work = UnitOfWork(cached(opening("acc")))
    work.include(PendingCommand(payment("acc", "p", 5), ORIGIN), expect_copies=True)
    assert list(work.load()) == []
    work.include(PendingCommand(opening("acc"), ORIGIN), expect_copies=True)
    assert [query.statement for query in work.load()] == [READ_STREAMS, READ_KEYS]

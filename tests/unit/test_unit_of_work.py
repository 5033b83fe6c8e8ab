"""A unit of work without a database: the queries it yields for a batch of commands."""

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
    """Return a cache with the account after these commands."""
    work = UnitOfWork()
    for command in commands:
        work.execute(STREAM, command, CONTEXT)
    work.collect()
    cache = AccountCache(10)
    cache.keep(work.accounts.values())
    return cache


def appended(work: UnitOfWork, *conflicts: str) -> None:
    """Append the events of the unit of work, with conflicts on these streams."""
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


def test_a_rejection_is_final_only_after_the_keys_were_looked_up() -> None:
    """A rejection appends nothing, so no conflict can reveal a stale account or a duplicate."""
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
    """If another writer appended meanwhile, the append conflicts."""
    work = UnitOfWork(cached(opening("acc")))
    first, second = payment("acc", "p", 5), payment("acc", "q", 5, currency="EUR")
    commands = [PendingCommand(each, ORIGIN) for each in (first, second)]
    for command in commands:
        work.include(command)
    assert list(work.load()) == []
    assert work.attempt(commands[0], CONTEXT)
    assert not work.attempt(commands[1], CONTEXT)
    assert [query.statement for query in work.load()] == [READ_KEYS]


def test_a_retried_command_reads_its_missing_transaction_first() -> None:
    command = PendingCommand(refund("acc", "t", "r", 5), ORIGIN)
    work = UnitOfWork(cached(opening("acc")))
    work.include(command)
    assert list(work.load()) == []
    assert not work.attempt(command, CONTEXT)
    again = UnitOfWork(cached(opening("acc")))
    again.include(command)
    assert list(again.load()) != []
    assert again.attempt(command, CONTEXT)


def test_accounts_with_a_conflict_are_dropped_and_the_others_are_cached() -> None:
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


def test_expected_copies_are_looked_up_unless_they_conflict_on_append() -> None:
    work = UnitOfWork(cached(opening("acc")))
    work.include(PendingCommand(payment("acc", "p", 5), ORIGIN), expect_copies=True)
    assert list(work.load()) == []
    work.include(PendingCommand(opening("acc"), ORIGIN), expect_copies=True)
    assert [query.statement for query in work.load()] == [READ_STREAMS, READ_KEYS]

"""One batch of commands: their accounts, what has to be read for them, and what is appended.

Nothing here waits: whatever has to be read or appended is given as queries, which the caller runs
on its connection.

Cached accounts are not read again, unless they were often behind the log lately. An event on an
old version of its account, or under a business key that exists, is a conflict on append: only its
account is left out, to be read and decided again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.commands import Command, decide
from txplatform.domain.commands.outcome import CommandRejectedError, Outcome
from txplatform.domain.commands.prior_events import PriorEvents, TransactionNotReadError
from txplatform.domain.events import AccountEvent
from txplatform.domain.ids import StreamId, account_of
from txplatform.domain.rulesets import RulesNotUnderstoodError
from txplatform.eventstore.mapper import decode_event
from txplatform.eventstore.query import Query
from txplatform.eventstore.snapshot import AccountSnapshot
from txplatform.eventstore.statements import (
    APPEND,
    READ_KEYS,
    READ_STREAMS,
    READ_STREAMS_AT,
    READ_TRANSACTIONS,
    StreamRow,
    append_parameters,
    name_parameters,
)
from txplatform.processing.account_cache import AccountCache
from txplatform.processing.pending_command import PendingCommand, ReadSet


class UnitOfWork:
    """The accounts of one batch at their newest known versions, and their prior events.

    Use: `include` every command, run `load`, `attempt` each command, run `append`; `cache_accounts`
    once that is committed. What conflicted can be included once more.

    Attributes:
        accounts: By stream.
        events: What was appended.
        conflicts: The streams that the last append left out; they are forgotten here.
    """

    def __init__(self, cache: AccountCache | None = None) -> None:
        self.accounts: dict[str, Account] = {}
        self.events: list[AccountEvent] = []
        self.conflicts: set[str] = set()
        self._cache = AccountCache(0) if cache is None else cache
        self._conflict_rate = self._cache.conflict_rate
        self._read_first = self._conflict_rate.high
        self._prior: dict[str, PriorEvents] = {}
        self._read_set = ReadSet()
        self._cached: set[str] = set()
        self._trusted: set[str] = set()

    def include(self, pending: PendingCommand, *, expect_copies: bool = False) -> None:
        """Take the command's account from the cache, and note what `load` has to read.

        Args:
            pending: The command.
            expect_copies: Whether many commands are copies of earlier ones: then the keys of all
                are looked up, but of those for which the append is sure to find that out.
        """
        stream = pending.stream
        pending.result = None
        self._use_cached(stream)
        if expect_copies and (
            self._read_first or not _copy_conflicts(pending.command, self.accounts.get(stream))
        ):
            pending.look_up = True
        if pending.look_up:
            self._read_set.look_up(stream, pending.command.keys)
        if pending.transactions:
            self._read_set.look_up_transactions(stream, pending.transactions)

    def include_newest(self, stream: StreamId) -> None:
        """Have an account brought up to date by `load`, for who only reads it."""
        self._use_cached(stream)
        self._read_set.streams.add(stream)

    def load(self) -> Iterator[Query]:
        """Read what the included commands need."""
        read_set, self._read_set = self._read_set, ReadSet()
        versions = {
            stream: self.accounts[stream].version for stream in self._cached & read_set.streams
        }
        self._trusted = self._cached - read_set.streams
        self._cached = set()
        yield from self.read(read_set)
        behind = sum(self.accounts[stream].version != known for stream, known in versions.items())
        self._conflict_rate.note(len(versions), behind)

    def read(self, read_set: ReadSet) -> Iterator[Query]:
        """Read what turned out to be needed.

        The look-ups come after the streams: an event that was appended in between has a version
        that its account does not have yet, and whoever decides by it has a conflict.
        """
        if known := self._known_versions(read_set.streams):
            yield Query(READ_STREAMS, (list(known), list(known.values())), self._fold)
        if read_set.keys:
            yield Query(READ_KEYS, name_parameters(read_set.keys), self._add)
        if read_set.transactions:
            yield Query(READ_TRANSACTIONS, name_parameters(read_set.transactions), self._add)
        for stream, ids in read_set.transactions.items():
            self._prior_of(stream).transactions.update(ids)

    def read_at(self, versions: Mapping[str, int]) -> Iterator[Query]:
        """Read streams as they were at these versions."""
        if versions:
            parameters = list(versions), list(versions.values())
            yield Query(READ_STREAMS_AT, parameters, self._fold)

    def attempt(self, pending: PendingCommand, context: DecisionContext) -> ReadSet | None:
        """Execute a command; later ones see what it recorded.

        Returns:
            None if the command has its result now, else what has to be read before.
        """
        try:
            pending.result = self.execute(pending.stream, pending.command, context)
        except TransactionNotReadError as missing:
            pending.transactions = pending.transactions.union(missing.transaction_ids)
            read_set = ReadSet()
            read_set.look_up_transactions(pending.stream, missing.transaction_ids)
            return read_set
        except (CommandRejectedError, RulesNotUnderstoodError) as error:
            if not pending.look_up:
                pending.look_up = True
                read_set = ReadSet()
                read_set.look_up(pending.stream, pending.command.keys)
                return read_set
            pending.result = error
        return None

    def execute(self, stream: str, command: Command, context: DecisionContext) -> Outcome:
        """Execute one command on what is loaded.

        Raises:
            CommandRejectedError: The command contradicts what is recorded.
            RulesNotUnderstoodError: It needs the rule set in force, which cannot be decided by.
            TransactionNotReadError: It needs a transaction that was not read; nothing is recorded.
        """
        account = self.accounts.get(stream)
        if account is None:
            account = self.accounts[stream] = Account.unopened(command.account_id)
        prior = self._prior_of(stream)
        before = len(account.pending_events)
        outcome = decide(command, account, prior, context)
        for event in account.pending_events[before:]:
            prior[event.key] = event
        return outcome

    def discard(self, stream: str) -> None:
        """Forget an account and what was recorded on it."""
        self.accounts.pop(stream, None)
        self._prior.pop(stream, None)

    def append(self) -> Iterator[Query]:
        """Append what was recorded; see `events` and `conflicts` afterwards."""
        events = self.collect()
        conflicts: set[str] = set()
        if events:
            yield Query(
                APPEND, append_parameters(events), lambda rows: conflicts.update(rows[0][0])
            )
        self._conflict_rate.note(len(self._trusted), len(conflicts & self._trusted))
        self._trusted = set()
        self.conflicts = conflicts
        if conflicts:
            events = [event for event in events if event.originator_id not in conflicts]
            for stream in conflicts:
                self.discard(stream)
        self.events += events

    def collect(self) -> list[AccountEvent]:
        """Return the events recorded since the last call, account by account."""
        return [
            event
            for account in self.accounts.values()
            if account.pending_events
            for event in account.collect_events()
        ]

    def cache_accounts(self) -> None:
        """Put the accounts into the cache: all that was recorded on them is committed."""
        self._cache.keep(self.accounts.values())

    def _use_cached(self, stream: str) -> None:
        if stream in self.accounts or stream in self._read_set.streams:
            return
        account = self._cache.take(stream)
        if account is not None:
            self.accounts[stream] = account
            self._cached.add(stream)
        if account is None or self._read_first:
            self._read_set.streams.add(stream)

    def _known_versions(self, streams: Iterable[str]) -> dict[str, int]:
        """Return the versions to read behind; 0 for an account that is not known.

        An account with events to append is left out: if it is behind the log, the append says so.
        """
        known = {}
        for stream in streams:
            account = self.accounts.get(stream)
            if account is None:
                known[stream] = 0
            elif not account.pending_events:
                known[stream] = account.version
        return known

    def _fold(self, rows: Iterable[StreamRow]) -> None:
        """Bring accounts up to date by snapshots and events, in order."""
        for row in rows:
            stream = row[0]
            if AccountSnapshot.is_current(row[2]):
                self.accounts[stream] = AccountSnapshot(*row).mutate(None)
            else:
                account = self.accounts.get(stream)
                if account is None:
                    account = self.accounts[stream] = Account.unopened(account_of(stream))
                decode_event(*row).mutate(account)

    def _add(self, rows: Iterable[StreamRow]) -> None:
        """Note events that were looked up by their keys or transactions."""
        for row in rows:
            event = decode_event(*row)
            self._prior_of(event.originator_id)[event.key] = event

    def _prior_of(self, stream: str) -> PriorEvents:
        prior = self._prior.get(stream)
        if prior is None:
            prior = self._prior[stream] = PriorEvents()
        return prior


def _copy_conflicts(command: Command, account: Account | None) -> bool:
    """Return whether the append finds out if this is a copy, so that no key has to be looked up."""
    return account is not None and account.opened and not account.waiting and command.COPY_CONFLICTS

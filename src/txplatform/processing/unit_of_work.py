"""The unit of work for a batch of commands: reads accounts, executes commands, appends events.

A unit of work does no I/O itself. It yields queries, which the caller runs on its connection.

An account whose events cannot be read fails alone: commands for other accounts are not affected.

Cached accounts are not read again, unless many cached accounts were stale recently. Appending an
event conflicts if the account is stale or the business key exists already. The append leaves out
accounts with a conflict, so that the caller has to repeat only the commands on these accounts.
"""

from collections import defaultdict
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
    READ_STREAMS_AT,
    StreamRow,
    append_parameters,
)
from txplatform.processing.account_cache import AccountCache
from txplatform.processing.pending_command import PendingCommand
from txplatform.processing.read_set import AccountUnreadableError, ReadSet


class UnitOfWork:
    """The accounts of a batch of commands, and the earlier events to which the commands refer.

    1. Call `include` for each command; then run the queries of `load`.
    2. Call `attempt` for each command. If it returns False, run the queries of `load` and attempt
       the command again, or leave the command to a later batch.
    3. Run the queries of `append`. Repeat the steps for commands whose stream is in `conflicts`.
    4. After the commit, call `cache_accounts`.

    Attributes:
        accounts: The accounts in use, by stream.
        events: All events appended so far.
        conflicts: The streams that the last append left out and removed from `accounts`.
        failed: The error of each stream on which nothing can be decided. None of its events are
            appended.
    """

    def __init__(self, cache: AccountCache | None = None) -> None:
        self.accounts: dict[str, Account] = {}
        self.events: list[AccountEvent] = []
        self.conflicts: set[str] = set()
        self.failed: dict[str, Exception] = {}
        self._cache = AccountCache(0) if cache is None else cache
        self._conflict_rate = self._cache.conflict_rate
        self._read_first = self._conflict_rate.high
        self._prior: defaultdict[str, PriorEvents] = defaultdict(PriorEvents)
        self._cached: set[str] = set()
        """Streams taken from the cache since the last load."""
        self._trusted: set[str] = set()
        """Streams taken from the cache and used without reading them again."""
        self._to_read = ReadSet()

    def include(self, pending: PendingCommand, *, expect_copies: bool = False) -> None:
        """Take the command's account from the cache, and note what `load` has to read.

        Args:
            pending: The command; its result is reset to None.
            expect_copies: True if copies of commands are common. The command's business keys are
                then looked up, unless a copy is certain to conflict on append anyway.
        """
        stream = pending.stream
        pending.result = None
        self._use_cached(stream)
        command = pending.command
        if command.READS_EARLIER or (
            expect_copies
            and (self._read_first or not _copy_conflicts(command, self.accounts.get(stream)))
        ):
            pending.look_up = True
        if pending.look_up:
            self._to_read.look_up(pending)
        if pending.transactions:
            self._to_read.look_up_transactions(stream, pending.transactions)

    def include_newest(self, stream: StreamId) -> None:
        """Make `load` read the newest version of an account."""
        self._use_cached(stream)
        self._to_read.streams.add(stream)

    def load(self) -> Iterator[Query]:
        """Yield the queries that read what was requested since the last load."""
        cached, self._cached = self._cached, set()
        to_read = self._to_read
        if to_read.is_empty:
            self._trusted |= cached
            return
        self._to_read = ReadSet()
        versions = {stream: self.accounts[stream].version for stream in cached & to_read.streams}
        self._trusted |= cached - to_read.streams
        # An account with events to append is not read: if it is stale, the append conflicts.
        after = {
            stream: 0 if account is None else account.version
            for stream in to_read.streams
            if (account := self.accounts.get(stream)) is None or not account.pending_events
        }
        yield from to_read.queries(after, self._fold, self._add)
        for stream, transaction_id in to_read.transactions:
            self._prior[stream].transactions.add(transaction_id)
        behind = sum(
            stream in self.failed or self.accounts[stream].version != known
            for stream, known in versions.items()
        )
        self._conflict_rate.note(len(versions), behind)

    def read_at(self, versions: Mapping[str, int]) -> Iterator[Query]:
        """Yield the query that reads each stream up to its given version."""
        if versions:
            parameters = list(versions), list(versions.values())
            yield Query(READ_STREAMS_AT, parameters, self._fold)

    def attempt(self, pending: PendingCommand, context: DecisionContext) -> bool:
        """Try to execute a command; its events are visible to later commands.

        Returns:
            True if the command has a result; False if more must be read with `load` first.
        """
        try:
            pending.result = self.execute(pending.stream, pending.command, context)
        except TransactionNotReadError as missing:
            pending.transactions = pending.transactions.union(missing.transaction_ids)
            self._to_read.look_up_transactions(pending.stream, missing.transaction_ids)
            return False
        except (CommandRejectedError, RulesNotUnderstoodError) as error:
            if not pending.look_up:
                pending.look_up = True
                self._to_read.look_up(pending)
                return False
            pending.result = error
        return True

    def execute(self, stream: str, command: Command, context: DecisionContext) -> Outcome:
        """Execute a command on the loaded accounts.

        Raises:
            AccountUnreadableError: The account's events cannot be read.
            CommandRejectedError: The command contradicts recorded events.
            RulesNotUnderstoodError: The command needs the rule set in force, but this version does
                not understand it.
            TransactionNotReadError: The command needs a transaction that has not been read; nothing
                is recorded.
        """
        account = self.accounts.get(stream)
        if account is None:
            account = self.accounts[stream] = self.account(stream)
        prior = self._prior[stream]
        before = len(account.pending_events)
        outcome = decide(command, account, prior, context)
        for event in account.pending_events[before:]:
            prior[event.key] = event
        return outcome

    def account(self, stream: str) -> Account:
        """Return an account that was loaded; unopened if it has no events.

        Raises:
            AccountUnreadableError: The account's events cannot be read.
        """
        match self.failed.get(stream):
            case AccountUnreadableError() as error:
                raise error
            case Exception() as error:
                raise AccountUnreadableError(stream, error) from error
        return self.accounts.get(stream) or Account.unopened(account_of(stream))

    def fail(self, stream: str, error: Exception) -> None:
        """Drop an account with its recorded events; all further commands for it fail."""
        self.failed.setdefault(stream, error)
        self.discard(stream)

    def discard(self, stream: str) -> None:
        """Drop an account with its recorded events, without appending them."""
        self.accounts.pop(stream, None)
        self._prior.pop(stream, None)

    def append(self) -> Iterator[Query]:
        """Yield the query that appends the recorded events; then set `events` and `conflicts`."""
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
        """Return the events recorded since the last call, grouped by account."""
        return [
            event
            for account in self.accounts.values()
            if account.pending_events
            for event in account.collect_events()
        ]

    def cache_accounts(self) -> None:
        """Cache the accounts; all their events must have been committed."""
        self._cache.keep(self.accounts.values())

    def _use_cached(self, stream: str) -> None:
        if stream in self.accounts or stream in self._to_read.streams:
            return
        account = self._cache.take(stream)
        if account is not None:
            self.accounts[stream] = account
            self._cached.add(stream)
        if account is None or self._read_first:
            self._to_read.streams.add(stream)

    def _fold(self, rows: Iterable[StreamRow]) -> None:
        for row in rows:
            stream = row[0]
            if stream in self.failed:
                continue
            try:
                if AccountSnapshot.is_current(row[2]):
                    self.accounts[stream] = AccountSnapshot(*row).mutate(None)
                else:
                    account = self.accounts.get(stream)
                    if account is None:
                        account = self.accounts[stream] = Account.unopened(account_of(stream))
                    decode_event(*row).mutate(account)
            except Exception as error:  # noqa: BLE001  # altered bytes can raise any error
                self._fail_to_read(stream, error)

    def _add(self, rows: Iterable[StreamRow]) -> None:
        for row in rows:
            try:
                event = decode_event(*row)
            except Exception as error:  # noqa: BLE001  # as above
                self._fail_to_read(row[0], error)
            else:
                self._prior[event.originator_id][event.key] = event

    def _fail_to_read(self, stream: str, cause: Exception) -> None:
        error = AccountUnreadableError(stream, cause)
        error.__cause__ = cause
        self.fail(stream, error)


def _copy_conflicts(command: Command, account: Account | None) -> bool:
    return account is not None and account.opened and not account.waiting and command.COPY_CONFLICTS

"""Many accounts at once: read them in one round trip, append their new events in one commit.

Decisions use the asynchronous class, consumers the synchronous one inside a transaction of
their own; both run the same statements on the same terms. What they read goes into a
`UnitOfWork`, where commands are decided without any I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import psycopg
from eventsourcing.persistence import StoredEvent

from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.commands import Command, decide
from txplatform.domain.commands.outcome import Outcome
from txplatform.domain.commands.prior_events import PriorEvents
from txplatform.domain.events import AccountEvent
from txplatform.domain.ids import TransactionId, account_of
from txplatform.domain.keys import authorization_key, late_authorization_key
from txplatform.eventstore.mapper import EventMapper, decode_event
from txplatform.eventstore.snapshot import AccountSnapshot
from txplatform.eventstore.statements import (
    APPEND,
    READ_KEYS,
    READ_STREAMS,
    READ_STREAMS_AT,
    READ_TRANSACTIONS,
    StoredRow,
    append_parameters,
    name_parameters,
)

_MAPPER = EventMapper()


@dataclass(slots=True)
class UnitOfWork:
    """Accounts at their newest known version, and what their streams hold under some keys."""

    accounts: dict[str, Account] = field(default_factory=dict)
    stored: dict[str, PriorEvents] = field(default_factory=dict)

    def fold(self, rows: Iterable[StoredRow]) -> None:
        """Bring accounts up to date with rows of `READ_STREAMS`."""
        for row in rows:
            stream = row[0]
            if AccountSnapshot.is_current(row[2]):
                snapshot = _MAPPER.to_domain_event(StoredEvent(*row))
                assert isinstance(snapshot, AccountSnapshot)
                self.accounts[stream] = snapshot.mutate(None)
            else:
                account = self.accounts.get(stream)
                if account is None:
                    account = self.accounts[stream] = Account.unopened(account_of(stream))
                decode_event(*row).mutate(account)

    def add(self, rows: Iterable[StoredRow]) -> None:
        """Note events that were looked up by their keys or transactions."""
        for row in rows:
            event = decode_event(*row)
            self._of(event.originator_id)[event.key] = event

    def mark_complete(self, transactions: Mapping[str, Iterable[TransactionId]]) -> None:
        """Note that every event of these transactions was looked up, stream by stream."""
        for stream, ids in transactions.items():
            self._of(stream).transactions.update(ids)

    def execute(self, stream: str, command: Command, context: DecisionContext) -> Outcome:
        """Decide one command; later ones of this work see what it recorded.

        Raises:
            CommandRejectedError: The command contradicts what is recorded.
            TransactionNotReadError: It needs a transaction that was not read; nothing is recorded.
        """
        account = self.accounts.get(stream)
        if account is None:
            account = self.accounts[stream] = Account.unopened(command.account_id)
        stored = self._of(stream)
        before = len(account.pending_events)
        outcome = decide(command, account, stored, context)
        for event in account.pending_events[before:]:
            stored[event.key] = event
        return outcome

    def _of(self, stream: str) -> PriorEvents:
        stored = self.stored.get(stream)
        if stored is None:
            stored = self.stored[stream] = PriorEvents()
        return stored

    def collect(self) -> list[AccountEvent]:
        """The events recorded since the last call, account by account."""
        return [
            event
            for account in self.accounts.values()
            if account.pending_events
            for event in account.collect_events()
        ]


def known_versions(accounts: Mapping[str, Account], streams: Iterable[str]) -> dict[str, int]:
    """The version at which each stream is known; 0 where it is not."""
    return {
        stream: account.version if (account := accounts.get(stream)) is not None else 0
        for stream in streams
    }


@dataclass(slots=True)
class ReadSet:
    """What is to be read before a decision, by stream.

    Attributes:
        streams: To be brought up to date.
        keys: Business keys to look up.
        transactions: Of which every event is to be looked up.
    """

    streams: set[str] = field(default_factory=set)
    keys: dict[str, set[str]] = field(default_factory=dict)
    transactions: dict[str, set[TransactionId]] = field(default_factory=dict)

    def look_up(self, stream: str, keys: Iterable[str]) -> None:
        """Want a stream at its newest version, and what it holds under these keys."""
        self.streams.add(stream)
        self.keys.setdefault(stream, set()).update(keys)

    def look_up_transaction(self, stream: str, transaction_id: TransactionId) -> None:
        """Want every event of a transaction."""
        self.transactions.setdefault(stream, set()).add(transaction_id)
        self.keys.setdefault(stream, set()).update(
            (authorization_key(transaction_id), late_authorization_key(transaction_id))
        )


class BatchStore:
    """Reads and appends on a connection whose transaction is the caller's."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def read(self, work: UnitOfWork, read_set: ReadSet) -> None:
        """Bring streams up to date and fetch what else is read_set of them."""
        versions = known_versions(work.accounts, read_set.streams)
        with self._connection.cursor(binary=True) as cursor:
            if versions:
                known = list(versions), list(versions.values())
                cursor.execute(READ_STREAMS, known, prepare=True)
                work.fold(cursor.fetchall())
            for statement, names in _look_ups(read_set):
                cursor.execute(statement, name_parameters(names), prepare=True)
                work.add(cursor.fetchall())
        work.mark_complete(read_set.transactions)

    def read_at(self, work: UnitOfWork, versions: Mapping[str, int]) -> None:
        """Fetch streams as they were at these versions."""
        if versions:
            with self._connection.cursor(binary=True) as cursor:
                read_set = list(versions), list(versions.values())
                cursor.execute(READ_STREAMS_AT, read_set, prepare=True)
                work.fold(cursor.fetchall())

    def append(self, events: Sequence[AccountEvent]) -> set[str]:
        """Append; gives the streams that clashed and were left out."""
        if not events:
            return set()
        row = self._connection.execute(APPEND, append_parameters(events), prepare=True).fetchone()
        assert row is not None
        return set(row[0])


class AsyncBatchStore:
    """Reads and appends on a connection in autocommit mode: an append is one commit."""

    def __init__(self, connection: psycopg.AsyncConnection) -> None:
        self.connection = connection
        self._cursor = connection.cursor(binary=True)

    async def read(self, work: UnitOfWork, read_set: ReadSet) -> None:
        """Bring streams up to date and fetch what else is read_set of them."""
        versions = known_versions(work.accounts, read_set.streams)
        if versions:
            known = list(versions), list(versions.values())
            await self._cursor.execute(READ_STREAMS, known, prepare=True)
            work.fold(await self._cursor.fetchall())
        for statement, names in _look_ups(read_set):
            await self._cursor.execute(statement, name_parameters(names), prepare=True)
            work.add(await self._cursor.fetchall())
        work.mark_complete(read_set.transactions)

    async def append(self, events: Sequence[AccountEvent]) -> set[str]:
        """Append and commit; gives the streams that clashed and were left out."""
        await self._cursor.execute(APPEND, append_parameters(events), prepare=True)
        row = await self._cursor.fetchone()
        assert row is not None
        return set(row[0])

    async def close(self) -> None:
        """Give the connection back to the server."""
        await self.connection.close()


def _look_ups(read_set: ReadSet) -> list[tuple[str, Mapping[str, Iterable[str]]]]:
    """The look-ups there are, with the names they are for.

    They come after the streams: what was added in between has versions that the accounts do not
    have yet, and deciding on it clashes.
    """
    both: list[tuple[str, Mapping[str, Iterable[str]]]] = [
        (READ_KEYS, read_set.keys),
        (READ_TRANSACTIONS, read_set.transactions),
    ]
    return [(statement, names) for statement, names in both if names]

"""Many accounts at once: read them in one round trip, append their new events in one commit.

Decisions use the asynchronous class, consumers the synchronous one inside a transaction of
their own; both run the same statements on the same terms. What they read goes into a
`Workspace`, where commands are decided without any I/O.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from eventsourcing.persistence import StoredEvent

from txplatform.domain.account import Account
from txplatform.domain.commands.stored import Stored
from txplatform.domain.events import authorization_key, late_authorization_key
from txplatform.domain.ids import account_of
from txplatform.eventstore.mapper import EventMapper, decode_event
from txplatform.eventstore.snapshot import AccountSnapshot
from txplatform.eventstore.statements import (
    APPEND,
    READ_KEYS,
    READ_STREAMS,
    READ_STREAMS_AT,
    READ_TRANSACTIONS,
    append_parameters,
    name_parameters,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import psycopg

    from txplatform.domain.account import Stamp
    from txplatform.domain.commands.outcome import Command, Outcome
    from txplatform.domain.events import AccountEvent
    from txplatform.domain.ids import TransactionId
    from txplatform.eventstore.statements import StoredRow

_MAPPER = EventMapper()


@dataclass(slots=True)
class Workspace:
    """Accounts at their newest known version, and what their streams hold under some keys."""

    accounts: dict[str, Account] = field(default_factory=dict)
    stored: dict[str, Stored] = field(default_factory=dict)

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

    def know(self, transactions: Mapping[str, Iterable[TransactionId]]) -> None:
        """Note that every event of these transactions was looked up, stream by stream."""
        for stream, ids in transactions.items():
            self._of(stream).transactions.update(ids)

    def decide(self, stream: str, command: Command, stamp: Stamp) -> Outcome:
        """Decide one command; later ones of this workspace see what it recorded.

        Raises:
            CommandRejectedError: The command contradicts what is recorded.
            TransactionNotReadError: It needs a transaction that was not read; nothing is recorded.
        """
        account = self.accounts.get(stream)
        if account is None:
            account = self.accounts[stream] = Account.unopened(command.account_id)
        stored = self._of(stream)
        before = len(account.pending_events)
        outcome = command.decide(account, stored, stamp)
        for event in account.pending_events[before:]:
            stored[event.key] = event  # type: ignore[attr-defined,assignment]  # ours are keyed
        return outcome

    def _of(self, stream: str) -> Stored:
        stored = self.stored.get(stream)
        if stored is None:
            stored = self.stored[stream] = Stored()
        return stored

    def collect(self) -> list[AccountEvent]:
        """The events recorded since the last call, account by account."""
        return [
            event  # type: ignore[misc]  # our accounts record account events only
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
class Wanted:
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

    def read(self, workspace: Workspace, wanted: Wanted) -> None:
        """Bring streams up to date and fetch what else is wanted of them."""
        versions = known_versions(workspace.accounts, wanted.streams)
        with self._connection.cursor(binary=True) as cursor:
            if versions:
                known = list(versions), list(versions.values())
                cursor.execute(READ_STREAMS, known, prepare=True)
                workspace.fold(cursor.fetchall())
            for statement, names in _look_ups(wanted):
                cursor.execute(statement, name_parameters(names), prepare=True)
                workspace.add(cursor.fetchall())
        workspace.know(wanted.transactions)

    def read_at(self, workspace: Workspace, versions: Mapping[str, int]) -> None:
        """Fetch streams as they were at these versions."""
        if versions:
            with self._connection.cursor(binary=True) as cursor:
                wanted = list(versions), list(versions.values())
                cursor.execute(READ_STREAMS_AT, wanted, prepare=True)
                workspace.fold(cursor.fetchall())

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

    async def read(self, workspace: Workspace, wanted: Wanted) -> None:
        """Bring streams up to date and fetch what else is wanted of them."""
        versions = known_versions(workspace.accounts, wanted.streams)
        if versions:
            known = list(versions), list(versions.values())
            await self._cursor.execute(READ_STREAMS, known, prepare=True)
            workspace.fold(await self._cursor.fetchall())
        for statement, names in _look_ups(wanted):
            await self._cursor.execute(statement, name_parameters(names), prepare=True)
            workspace.add(await self._cursor.fetchall())
        workspace.know(wanted.transactions)

    async def append(self, events: Sequence[AccountEvent]) -> set[str]:
        """Append and commit; gives the streams that clashed and were left out."""
        await self._cursor.execute(APPEND, append_parameters(events), prepare=True)
        row = await self._cursor.fetchone()
        assert row is not None
        return set(row[0])

    async def close(self) -> None:
        """Give the connection back to the server."""
        await self.connection.close()


def _look_ups(wanted: Wanted) -> list[tuple[str, Mapping[str, Iterable[str]]]]:
    """The look-ups there are, with the names they are for.

    They come after the streams: what was added in between has versions that the accounts do not
    have yet, and deciding on it clashes.
    """
    both: list[tuple[str, Mapping[str, Iterable[str]]]] = [
        (READ_KEYS, wanted.keys),
        (READ_TRANSACTIONS, wanted.transactions),
    ]
    return [(statement, names) for statement, names in both if names]

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
from txplatform.domain.ids import account_of
from txplatform.eventstore.mapper import EventMapper, decode_event
from txplatform.eventstore.snapshot import AccountSnapshot
from txplatform.eventstore.statements import (
    APPEND,
    READ_KEYS,
    READ_STREAMS,
    append_parameters,
    events_by_key,
    key_parameters,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import psycopg

    from txplatform.domain.account import Stamp
    from txplatform.domain.commands.outcome import Command, Outcome
    from txplatform.domain.events import AccountEvent
    from txplatform.eventstore.statements import StoredRow

_MAPPER = EventMapper()


@dataclass(slots=True)
class Workspace:
    """Accounts at their newest known version, and what their streams hold under some keys."""

    accounts: dict[str, Account] = field(default_factory=dict)
    stored: dict[str, dict[str, AccountEvent]] = field(default_factory=dict)

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

    def decide(self, stream: str, command: Command, stamp: Stamp) -> Outcome:
        """Decide one command; later ones of this workspace see what it recorded.

        Raises:
            CommandRejectedError: The command contradicts what is recorded.
        """
        account = self.accounts.get(stream)
        if account is None:
            account = self.accounts[stream] = Account.unopened(command.account_id)
        stored = self.stored.setdefault(stream, {})
        before = len(account.pending_events)
        outcome = command.decide(account, stored, stamp)
        for event in account.pending_events[before:]:
            stored[event.key] = event  # type: ignore[attr-defined,assignment]  # ours are keyed
        return outcome

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


class BatchStore:
    """Reads and appends on a connection whose transaction is the caller's."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def read(
        self, workspace: Workspace, streams: Iterable[str], keys: Mapping[str, Iterable[str]]
    ) -> None:
        """Bring these streams up to date and fetch what they hold under these keys."""
        versions = known_versions(workspace.accounts, streams)
        with self._connection.cursor(binary=True) as cursor:
            cursor.execute(READ_STREAMS, (list(versions), list(versions.values())), prepare=True)
            workspace.fold(cursor.fetchall())
            if keys:
                cursor.execute(READ_KEYS, key_parameters(keys), prepare=True)
                workspace.stored.update(events_by_key(cursor.fetchall()))

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
        self._connection = connection
        self._cursor = connection.cursor(binary=True)

    async def read(
        self, workspace: Workspace, streams: Iterable[str], keys: Mapping[str, Iterable[str]]
    ) -> None:
        """Bring these streams up to date and fetch what they hold under these keys."""
        versions = known_versions(workspace.accounts, streams)
        await self._cursor.execute(
            READ_STREAMS, (list(versions), list(versions.values())), prepare=True
        )
        workspace.fold(await self._cursor.fetchall())
        if keys:
            await self._cursor.execute(READ_KEYS, key_parameters(keys), prepare=True)
            workspace.stored.update(events_by_key(await self._cursor.fetchall()))

    async def append(self, events: Sequence[AccountEvent]) -> set[str]:
        """Append and commit; gives the streams that clashed and were left out."""
        await self._cursor.execute(APPEND, append_parameters(events), prepare=True)
        row = await self._cursor.fetchone()
        assert row is not None
        return set(row[0])

    async def close(self) -> None:
        """Give the connection back to the server."""
        await self._connection.close()

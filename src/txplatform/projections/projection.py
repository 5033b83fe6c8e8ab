"""A read model: a table, the events it is folded from, the fold, and its check for `verify`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, LiteralString

import psycopg

from txplatform.domain.account import Account
from txplatform.domain.events import Event
from txplatform.eventstore.statements import LoggedEvent
from txplatform.following.checkpoint import Checkpoint

Row = tuple[Any, ...]


class ExpectedRows(ABC):
    """The rows that one account should have in a read model, for `txplatform verify`.

    They are made from the account as the domain replays it, or straight from its events, and
    share no arithmetic with the fold: a mistake in either shows as a difference (I1).
    """

    def add(self, event: Event) -> None:  # noqa: B027  # most need the account only
        """Take the account's next event that the read model has read."""

    @abstractmethod
    def rows(self, account: Account) -> Iterable[Row]:
        """The rows after these events; the account is as it was after the last of them."""


class Projection(ABC):
    """A read model.

    The fold has to give the same rows whenever and in whatever batches it is run, since a rebuild
    folds the same events again. So it may look up two things only: rows of the table that it is
    given, and events of the log with a lower position than the event that is folded. It never
    reads another read model, a snapshot or the clock.

    Attributes:
        name: Its name in its checkpoint and on the command line.
        table: Its table. A rebuild folds into another one of the same shape.
        row: The `NamedTuple` of a row; its fields are the columns, and `account_id` is one.
        key: The columns that identify a row.
        topics: The events it uses.
        totals: Names and SQL aggregates over the table: two tables that were folded from the same
            events have the same.
    """

    name: ClassVar[str]
    table: ClassVar[str]
    row: ClassVar[type[Any]]
    key: ClassVar[tuple[str, ...]]
    topics: ClassVar[frozenset[str]]
    totals: ClassVar[Sequence[tuple[str, LiteralString]]]

    @abstractmethod
    def fold(
        self, connection: psycopg.Connection, table: str, events: Sequence[LoggedEvent]
    ) -> None:
        """Write what these events change.

        Args:
            connection: In a transaction, in which the caller moves the checkpoint too.
            table: Where to write.
            events: Events of `topics`, in the log's order, each given once.
        """

    @abstractmethod
    def expected(self) -> ExpectedRows:
        """The rows that an account should have, before its first event."""


def checkpoint_of(name: str) -> Checkpoint:
    """Return the checkpoint of the read model with this name."""
    return Checkpoint(f"projection:{name}")


def fold_used(
    projection: Projection,
    connection: psycopg.Connection,
    table: str,
    events: Sequence[LoggedEvent],
) -> None:
    """Fold those of the events that the projection uses."""
    used = [logged for logged in events if logged.event.TOPIC in projection.topics]
    if used:
        projection.fold(connection, table, used)

"""A read model: a table, the events it is folded from, the fold, and its check for `verify`."""

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

    They are derived from the replayed account or directly from its events. They share no arithmetic
    with the fold, so a mistake in either shows as a difference (I1).
    """

    def add(self, event: Event) -> None:  # noqa: B027  # most need only the account
        """Take the account's next event."""

    @abstractmethod
    def rows(self, account: Account) -> Iterable[Row]:
        """Return the rows after these events, given the account after the last of them."""


class Projection(ABC):
    """A read model.

    A rebuild folds the same events again, in other batches, and has to end with the same rows. So a
    fold may read only rows of the table that it is given, and events of the log before the one that
    is folded. It never reads another read model, a snapshot or the clock.

    Attributes:
        name: The name in the checkpoint and on the command line.
        table: The live table. A rebuild folds into another table of the same shape.
        row: The `NamedTuple` of a row. Its fields are the columns; one is `account_id`.
        key: The columns that identify a row.
        events: The kinds of event that the fold uses.
        totals: Names and SQL aggregates, which a rebuild compares between the two tables.
    """

    name: ClassVar[str]
    table: ClassVar[str]
    row: ClassVar[type[Any]]
    key: ClassVar[tuple[str, ...]]
    events: ClassVar[frozenset[type[Event]]]
    totals: ClassVar[Sequence[tuple[str, LiteralString]]]

    @abstractmethod
    def fold(
        self, connection: psycopg.Connection, table: str, events: Sequence[LoggedEvent]
    ) -> None:
        """Apply events to a table.

        Args:
            connection: In a transaction, in which the caller also moves the checkpoint.
            table: The live table or one that is being rebuilt.
            events: Events of those kinds, in the log's order, each exactly once.
        """

    @abstractmethod
    def expected(self) -> ExpectedRows:
        """Return the expected rows of an account before its first event."""


def checkpoint_of(name: str) -> Checkpoint:
    """Return the checkpoint of the read model with this name."""
    return Checkpoint(f"projection:{name}")


def fold_used(
    projection: Projection,
    connection: psycopg.Connection,
    table: str,
    events: Sequence[LoggedEvent],
) -> None:
    """Fold those events that the projection uses."""
    used = [logged for logged in events if type(logged.event) in projection.events]
    if used:
        projection.fold(connection, table, used)

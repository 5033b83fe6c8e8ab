"""The base classes of read models and of their expected rows for `txplatform verify`."""

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

    The rows are derived from the account's events without the code of `Projection.fold`, so a
    mistake in either derivation shows as a difference (invariant I1).
    """

    def add(self, event: Event) -> None:  # noqa: B027  # most need only the account
        """Add the account's next event."""

    @abstractmethod
    def rows(self, account: Account) -> Iterable[Row]:
        """Return the expected rows, given the account's state after the last event added."""


class Projection(ABC):
    """A read model.

    A rebuild folds the same events in different batches and has to produce the same rows. So `fold`
    may read only its table and earlier events in the log, never another read model, a snapshot or
    the clock.

    Attributes:
        name: The name in the checkpoint and on the command line.
        table: The live table. A rebuild folds into another table of the same shape.
        row: A `NamedTuple` type whose fields are the table's columns, including `account_id`.
        key: The columns that identify a row.
        events: The kinds of events that `fold` uses.
        totals: Named SQL aggregates, which a rebuild compares between the old and the new table.
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
            connection: A connection in the transaction that also moves the checkpoint.
            table: The live table, or the new table of a rebuild.
            events: Events of the kinds in `self.events`, in log order, each exactly once.
        """

    @abstractmethod
    def expected(self) -> ExpectedRows:
        """Return an `ExpectedRows` for an account that has no events yet."""


def checkpoint_of(name: str) -> Checkpoint:
    """Return the checkpoint of the read model with this name."""
    return Checkpoint(f"projection:{name}")


def fold_used(
    projection: Projection,
    connection: psycopg.Connection,
    table: str,
    events: Sequence[LoggedEvent],
) -> None:
    """Fold only the events that the projection uses."""
    used = [logged for logged in events if type(logged.event) in projection.events]
    if used:
        projection.fold(connection, table, used)

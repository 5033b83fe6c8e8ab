"""The parts of a read model: a table, the events it is folded from, and the fold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import LiteralString, Protocol

import psycopg

from txplatform.eventstore.statements import LoggedEvent
from txplatform.following.checkpoint import Checkpoint


class Projection(Protocol):
    """A read model.

    Attributes:
        name: Its name in its checkpoint and on the command line.
        table: Its table. A rebuild folds into another one of the same shape.
        topics: The events it uses.
        totals: Names and SQL aggregates over the table: two tables that were folded from the same
            events have the same.
    """

    @property
    def name(self) -> str: ...  # noqa: D102  # see the class
    @property
    def table(self) -> str: ...  # noqa: D102  # see the class
    @property
    def topics(self) -> frozenset[str]: ...  # noqa: D102  # see the class
    @property
    def totals(self) -> Sequence[tuple[str, LiteralString]]: ...  # noqa: D102  # see the class

    def fold(
        self, connection: psycopg.Connection, table: str, events: Sequence[LoggedEvent]
    ) -> None:
        """Write what these events change, in one statement.

        Args:
            connection: In a transaction, in which the caller moves the position too.
            table: Where to write.
            events: Events of `topics`, in the log's order, each given once for ever.
        """


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

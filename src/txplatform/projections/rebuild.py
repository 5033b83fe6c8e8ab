"""Rebuild a read model from the log in a new table, which then replaces the live table.

Until then, readers and the projector keep using the live table. A killed rebuild leaves the table
`<table>_next` behind, which the next rebuild drops.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import LiteralString

import psycopg
from psycopg import sql

from txplatform.database import REFUSED, Database, describe_refusal
from txplatform.errors import TxPlatformError
from txplatform.following.leader_lock import LeaderLock
from txplatform.projections.projection import Projection, checkpoint_of, fold, next_range

_BATCH_EVENTS = 2000
_SWAP_LOCK_TIMEOUT = "1s"
"""A swap gives up early and is retried, since new reads queue behind a waiting swap."""

_SWAP_DEADLINE_S = 60.0
_SWAP_RETRY_S = 0.5


class RebuildError(TxPlatformError):
    """Raised if the read model could not be rebuilt; the live table is unchanged."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """The result of a rebuild.

    Attributes:
        compared_at: The log position at which the live and the new table were compared.
        before: The live table's totals and checksum at that position.
        after: The new table's totals and checksum at that position.
        position: The log position of the read model after the swap.
    """

    name: str
    compared_at: int
    before: Mapping[str, int]
    after: Mapping[str, int]
    position: int

    @property
    def same(self) -> bool:
        """True if both tables had the same totals and checksum."""
        return self.before == self.after


def rebuild(
    owner: Database, projection: Projection, advance: Callable[[int], None] = lambda _: None
) -> Rebuilt:
    """Rebuild a read model from the first event.

    Args:
        owner: Database access as the owner of the tables.
        projection: The read model.
        advance: Called with the number of events read since the last call.

    Raises:
        RebuildError: Another process is rebuilding the read model, reads blocked the swap, or the
            database refuses an event.
        psycopg.Error: The database failed; the live table is unchanged.
    """
    with owner.connect() as connection:
        if not LeaderLock(f"rebuild:{projection.name}").try_to_lead(connection):
            raise RebuildError(
                f"{projection.name} is already being rebuilt.",
                why="Another process is rebuilding it.",
                next_step="Wait until that process has finished.",
            )
        connection.execute("SET statement_timeout = 0")  # sums of large tables take long
        checkpoint_of(projection.name).begin(connection)
        compared_at, before = _totals(connection, projection, projection.table)
        build = _Build(connection, projection, advance)
        build.create()
        build.fold(upto=compared_at)
        _, after = _totals(connection, projection, build.next_table)
        build.fold()
        build.swap()
        return Rebuilt(projection.name, compared_at, before, after, build.position)


_CHECKSUM = ("checksum", "sum(hashtextextended(t::text, 0))")


def _totals(
    connection: psycopg.Connection, projection: Projection, table: str
) -> tuple[int, Mapping[str, int]]:
    named = [*projection.totals, _CHECKSUM]
    statement = sql.SQL(
        "SELECT p.position, {} FROM checkpoints p LEFT JOIN {} t ON true"
        " WHERE p.name = %s GROUP BY p.position"
    ).format(
        sql.SQL(", ").join(sql.SQL("coalesce({}, 0)").format(sql.SQL(each)) for _, each in named),
        sql.Identifier(table),
    )
    with connection.transaction():
        connection.execute("SET LOCAL enable_seqscan = on")  # the whole table is read
        row = connection.execute(statement, (checkpoint_of(projection.name).name,)).fetchone()
    assert row is not None
    position, *figures = map(int, row)
    return position, {name: figure for (name, _), figure in zip(named, figures, strict=True)}


_COPY_GRANTS_AND_COMMENT = """
SELECT format('GRANT %%s ON %%I TO %%s', privilege_type, %(next)s::text,
    CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE grantee::regrole::text END)
FROM pg_class CROSS JOIN aclexplode(relacl)
WHERE oid = to_regclass(%(live)s) AND grantee <> relowner
UNION ALL
SELECT format('COMMENT ON TABLE %%I IS %%L', %(next)s::text,
    obj_description(to_regclass(%(live)s), 'pg_class'))
"""
_RENAME_INDEXES = """
SELECT format('ALTER INDEX %%I RENAME TO %%I', relname, replace(relname, %(next)s, %(live)s))
FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
WHERE indrelid = to_regclass(%(live)s)
"""


_END_SKIPPED = "DELETE FROM skipped_events WHERE projection = %s AND position <= %s"


class _Build:
    def __init__(
        self,
        connection: psycopg.Connection,
        projection: Projection,
        advance: Callable[[int], None],
    ) -> None:
        self.next_table = f"{projection.table}_next"
        self._tables = {"live": projection.table, "next": self.next_table}
        self.position = 0
        self._connection = connection
        self._projection = projection
        self._advance = advance

    def create(self) -> None:
        """Create an empty table with the columns, indexes, grants and comment of the live table."""
        with self._connection.transaction():
            self._execute("DROP TABLE IF EXISTS {next}")
            self._execute("CREATE TABLE {next} (LIKE {live} INCLUDING ALL)")
            self._execute_generated(_COPY_GRANTS_AND_COMMENT)

    def fold(self, upto: int | None = None) -> None:
        """Fold events into the new table, up to the log position `upto` or the log's end."""
        # After a crash the rebuild starts again, so these commits need not be durable. The commit
        # of the swap is durable, and makes all earlier commits durable too.
        self._connection.execute("SET synchronous_commit = off")
        while self._fold_batch(upto):
            pass
        self._connection.execute("SET synchronous_commit = on")

    def swap(self) -> None:
        """Replace the live table with the new table.

        Raises:
            RebuildError: Reads kept the live table locked for too long.
        """
        self._execute("ANALYZE {next}")
        deadline = time.monotonic() + _SWAP_DEADLINE_S
        while True:
            position = self.position
            try:
                with self._connection.transaction():
                    self._swap_now()
            except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
                self.position = position
                if time.monotonic() > deadline:
                    raise RebuildError(
                        f"{self._projection.name} was rebuilt but could not be swapped in.",
                        why=f"Its table was in use for {_SWAP_DEADLINE_S:.0f} s without a pause.",
                        next_step="Find the long reads in pg_stat_activity; then rebuild again.",
                    ) from None
                time.sleep(_SWAP_RETRY_S)
                self.fold()
            else:
                return

    def _swap_now(self) -> None:
        self._connection.execute(
            "SELECT set_config('lock_timeout', %s, true)", (_SWAP_LOCK_TIMEOUT,)
        )
        checkpoint = checkpoint_of(self._projection.name)
        before = checkpoint.lock(self._connection)
        while self._fold_batch(None):
            pass
        self._execute("DROP TABLE {live}")
        self._execute("ALTER TABLE {next} RENAME TO {live}")
        self._execute_generated(_RENAME_INDEXES)
        checkpoint.move(self._connection, before=before, to=max(before, self.position))
        self._connection.execute(_END_SKIPPED, (self._projection.name, self.position))

    def _fold_batch(self, upto: int | None) -> int:
        last, events = next_range(self._connection, self.position, _BATCH_EVENTS, last=upto)
        if last is not None:
            self._fold(last)
            self.position = last
            self._advance(events)
        return events

    def _fold(self, last: int) -> None:
        try:
            fold(self._connection, self._projection, self.next_table, self.position, last)
        except REFUSED as error:
            raise RebuildError(
                f"{self._projection.name} cannot be rebuilt: the database refuses an event between"
                f" the log positions {self.position + 1} and {last}.",
                why=describe_refusal(error),
                next_step="The live table is unchanged. Run `txplatform verify`, and report this.",
            ) from error

    def _execute(self, statement: LiteralString) -> None:
        names = {name: sql.Identifier(table) for name, table in self._tables.items()}
        self._connection.execute(sql.SQL(statement).format(**names))

    def _execute_generated(self, query: LiteralString) -> None:
        for (statement,) in self._connection.execute(query, self._tables).fetchall():
            self._connection.execute(statement.encode())

"""The database's clock, which a process reads without a round trip.

All processes decide by this clock, so the order of their decisions does not depend on the clocks of
their machines. The process measures how far the database's clock is ahead of its own monotonic
clock, which nobody can set.

In a database that `txplatform demo` has made, the clock is simulated: it runs like any other, but
the demo moves it on from day to day. There, each batch of decisions measures it.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic

import psycopg

READ_CLOCK = """
SELECT extract(epoch FROM decision_clock())::float8, to_regclass('simulated_clock') IS NOT NULL
"""
"""Only `txplatform demo` creates the table, in a database without events."""


class DatabaseClock:
    """One process's measurement of the database's clock; several threads may use it."""

    def __init__(self, monotonic_s: Callable[[], float] = monotonic) -> None:
        self._monotonic_s = monotonic_s
        self._ahead_s: float | None = None
        self.simulated: bool | None = None
        """True if the demo may move the clock on; None if it was never measured."""

    def now(self) -> datetime:
        """Return the database's time, UTC; the clock must have been measured."""
        assert self._ahead_s is not None
        return datetime.fromtimestamp(self._monotonic_s() + self._ahead_s, UTC)

    def measure(self, connection: psycopg.Connection) -> None:
        """Measure the database's clock.

        Raises:
            psycopg.Error: The database does not respond.
        """
        before_s = self._monotonic_s()
        row = connection.execute(READ_CLOCK).fetchone()
        self._take(before_s, row)

    async def measure_async(self, connection: psycopg.AsyncConnection) -> None:
        """Measure the database's clock; see `measure`."""
        before_s = self._monotonic_s()
        cursor = await connection.execute(READ_CLOCK)
        self._take(before_s, await cursor.fetchone())

    def _take(self, before_s: float, row: tuple[float, bool] | None) -> None:
        assert row is not None
        self.note(before_s, row[0])
        self.simulated = row[1]

    def note(self, before_s: float, database_s: float) -> None:
        """Correct the known difference between the clocks by a measurement.

        The database read its clock between `before_s` and now, so the measurement gives a lower and
        an upper bound for the difference. A known value within the bounds is kept; another one is
        moved to the nearer bound. So a slow measurement, whose bounds are wide, does not replace a
        faster and more exact one.

        Args:
            before_s: The time by the monotonic clock when the query was sent, in seconds.
            database_s: The database's time, in seconds since 1970.
        """
        least, most = database_s - self._monotonic_s(), database_s - before_s
        known = self._ahead_s
        self._ahead_s = (least + most) / 2 if known is None else min(max(known, least), most)


def database_time(connection: psycopg.Connection) -> datetime:
    """Return the database's time, UTC, at the cost of a round trip.

    Raises:
        psycopg.Error: The database does not respond.
    """
    clock = DatabaseClock()
    clock.measure(connection)
    return clock.now()


def simulated_clock_text(now: datetime) -> str:
    """Return the sentence about a simulated clock, for people who read what it has dated."""
    return (
        f"The decisions of this database have simulated times, made by `txplatform demo`; it is"
        f" {now:%Y-%m-%d %H:%M} there."
    )


def simulated_time(connection: psycopg.Connection) -> datetime | None:
    """Return the time of a simulated clock, UTC; None if the clock is the server's.

    Raises:
        psycopg.Error: The database does not respond.
    """
    clock = DatabaseClock()
    clock.measure(connection)
    return clock.now() if clock.simulated else None

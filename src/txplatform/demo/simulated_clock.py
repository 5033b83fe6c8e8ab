"""The simulated clock of the demo's database: it runs, and the simulator moves it on day by day.

The database decides which clock its decisions and events have (migration 0015). Only this module
makes it a simulated one, and only in a database without events. Each move is a row, so the real
time of each event stays known, and the clock never goes back.
"""

from datetime import datetime

import psycopg

from txplatform.errors import TxPlatformError

_EXISTS = "SELECT to_regclass('simulated_clock') IS NOT NULL"

_CREATE = """
CREATE TABLE simulated_clock (
    simulated_at timestamptz PRIMARY KEY,
    real_at      timestamptz NOT NULL DEFAULT clock_timestamp()
);

COMMENT ON TABLE simulated_clock IS
    'Made by `txplatform demo`: the decisions of this database have simulated times. A row for each'
    ' move of the clock, which runs at the usual speed after a move.';

INSERT INTO simulated_clock (simulated_at) VALUES (%(first)s);

CREATE OR REPLACE FUNCTION decision_clock() RETURNS timestamptz LANGUAGE sql VOLATILE PARALLEL SAFE
BEGIN ATOMIC
    SELECT simulated_at + (clock_timestamp() - real_at)
    FROM simulated_clock ORDER BY simulated_at DESC LIMIT 1;
END;

CREATE OR REPLACE FUNCTION real_time(decided timestamptz)
    RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    -- A time that the clock skipped is that of the move.
    SELECT least(real_at + (decided - simulated_at), (
        SELECT next.real_at FROM simulated_clock next
        WHERE next.simulated_at > decided ORDER BY next.simulated_at LIMIT 1
    ))
    FROM simulated_clock WHERE simulated_at <= decided ORDER BY simulated_at DESC LIMIT 1;
END;

GRANT SELECT ON simulated_clock TO txplatform_service
"""

_MOVE = """
INSERT INTO simulated_clock (simulated_at) SELECT %s WHERE %s > decision_clock()
RETURNING simulated_at
"""


class NotSimulatedError(TxPlatformError):
    """Raised if a database has events with real times already."""


def simulate_clock(owner_url: str, first: datetime) -> None:
    """Make the clock of a migrated database simulated, unless it is already.

    Args:
        owner_url: libpq URL of the tables' owner.
        first: The simulated time now, UTC.

    Raises:
        NotSimulatedError: The database has events.
        psycopg.Error: The database does not respond.
    """
    with psycopg.connect(owner_url) as connection:
        if _is_true(connection, _EXISTS):
            return
        if _is_true(connection, "SELECT EXISTS (SELECT FROM events)"):
            raise NotSimulatedError(
                "The data was made by an earlier version of the demo.",
                why="Its events have real times, and those of a simulated year are earlier.",
                next_step="--fresh deletes the data first.",
            )
        # The parameter is put into the text by the client, since there are several statements.
        psycopg.ClientCursor(connection).execute(_CREATE, {"first": first})


def move_clock(connection: psycopg.Connection, to: datetime) -> None:
    """Move the clock on to a time, UTC; do nothing if it is later already.

    Args:
        connection: A connection of the tables' owner, in autocommit mode.
        to: The simulated time.

    Raises:
        psycopg.Error: The database does not respond.
    """
    connection.execute(_MOVE, (to, to))


def _is_true(connection: psycopg.Connection, query: str) -> bool:
    row = connection.execute(query.encode()).fetchone()
    return row is not None and bool(row[0])

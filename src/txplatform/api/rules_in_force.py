"""Poll the rule book and the database's clock.

The poll of the rule book makes an idle process report the active rule set. Each batch of decisions
reads the rule book itself. The clock is measured here only, so that no decision waits for it.
"""

import asyncio
from functools import partial
from time import monotonic

import psycopg

from txplatform.api.queries import Queries
from txplatform.database_clock import DatabaseClock
from txplatform.decisions.errors import StoreUnavailableError
from txplatform.rulebook.in_force import RulesInForce
from txplatform.rulebook.store import READ_CHANGES, ChangeRow
from txplatform.telemetry import FaultLog, logger

READ_EVERY_S = 2.0
"""The maximum age of the rule set that `/metrics` and `/readyz` report."""


async def follow_database(rules: RulesInForce, clock: DatabaseClock, queries: Queries) -> None:
    """Poll the rule book and the clock every `READ_EVERY_S` seconds until cancelled."""
    faults = FaultLog(logger("rules"))

    def read(connection: psycopg.Connection, after: int) -> list[ChangeRow]:
        clock.measure(connection)
        return connection.execute(READ_CHANGES, (after,)).fetchall()

    while True:
        asked_at, after = monotonic(), rules.version
        try:
            rules.take(await queries.run(partial(read, after=after)), asked_at, after=after)
        except (StoreUnavailableError, psycopg.Error) as error:
            # This is also how an idle process reports a database fault.
            cause = error.__cause__
            faults.failed(cause if isinstance(cause, Exception) else error)
        else:
            faults.succeeded()
        await asyncio.sleep(READ_EVERY_S)

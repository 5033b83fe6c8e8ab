"""Poll the rule book, so that an idle process also reports the active rule set.

Decisions do not depend on this poll: each batch of decisions reads the rule book itself.
"""

import asyncio
from functools import partial
from time import monotonic

import psycopg

from txplatform.api.queries import Queries
from txplatform.decisions.errors import StoreUnavailableError
from txplatform.rulebook.in_force import RulesInForce
from txplatform.rulebook.store import READ_CHANGES, ChangeRow
from txplatform.telemetry import logger

READ_EVERY_S = 2.0
"""The maximum age of the rule set that `/metrics` and `/readyz` report."""


async def follow_rule_book(rules: RulesInForce, queries: Queries) -> None:
    """Poll the rule book every `READ_EVERY_S` seconds until cancelled."""
    log = logger("rules")

    def read(connection: psycopg.Connection, after: int) -> list[ChangeRow]:
        return connection.execute(READ_CHANGES, (after,)).fetchall()

    while True:
        asked_at, after = monotonic(), rules.version
        try:
            rules.take(await queries.run(partial(read, after=after)), asked_at, after=after)
        except (StoreUnavailableError, psycopg.Error) as error:
            # This is also how an idle process reports a database fault.
            cause = error.__cause__ or error
            log.warning("the rule book cannot be read, will retry", error=str(cause).strip())
        await asyncio.sleep(READ_EVERY_S)

"""Read the rule book in an idle process too, so that its metrics show the rule set in force.

Decisions do not depend on it: a lane reads the rule book before a batch.
"""

from __future__ import annotations

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
"""The oldest that the rule set shown by `/metrics` and `/readyz` may be."""


async def follow_rule_book(rules: RulesInForce, queries: Queries) -> None:
    """Read the rule book until cancelled."""
    log = logger("rules")

    def read(connection: psycopg.Connection, behind: int) -> list[ChangeRow]:
        return connection.execute(READ_CHANGES, (behind,)).fetchall()

    while True:
        asked_at, behind = monotonic(), rules.version
        try:
            rows = await queries.run(partial(read, behind=behind))
            rules.take(rows, asked_at, behind=behind)
        except (StoreUnavailableError, psycopg.Error) as error:
            # An idle process logs by this, too, what is wrong with its database.
            cause = error.__cause__ or error
            log.warning("the rule book cannot be read, will retry", error=str(cause).strip())
        await asyncio.sleep(READ_EVERY_S)

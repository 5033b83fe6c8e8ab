"""Reads the rule book also where nothing is asked: an idle process shows what is in force, too.

Decisions do not depend on it: whoever decides a batch looks first.
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

LOOK_S = 2.0
"""How old what `/metrics` and `/readyz` say of it may be."""


async def follow_rule_book(rules: RulesInForce, queries: Queries) -> None:
    """Go on until cancelled."""
    log = logger("rules")

    def read(connection: psycopg.Connection, behind: int) -> list[ChangeRow]:
        return connection.execute(READ_CHANGES, (behind,)).fetchall()

    while True:
        asked_at, behind = monotonic(), rules.version
        try:
            rows = await queries.run(partial(read, behind=behind))
            rules.take(rows, asked_at, behind=behind)
        except (StoreUnavailableError, psycopg.Error) as error:
            # An idle process says by this, too, what is wrong with its database.
            cause = error.__cause__ or error
            log.warning("the rule book cannot be read, will retry", error=str(cause).strip())
        await asyncio.sleep(LOOK_S)

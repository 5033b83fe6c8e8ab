"""Queries as values, which can be run in a thread or on an event loop.

The tasks that decide the API's requests run queries on an event loop; all other code runs queries
in threads. Code such as the unit of work only yields queries, so it works with both.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import psycopg


class Query(NamedTuple):
    """One statement with its parameters.

    Attributes:
        take: The function to call with the rows; None for a statement without a result set.
    """

    statement: str
    parameters: Sequence[Any]
    take: Callable[[list[Any]], None] | None = None


def run_queries(connection: psycopg.Connection, queries: Iterable[Query]) -> None:
    """Run queries in order, in the caller's transaction."""
    with connection.cursor(binary=True) as cursor:
        for statement, parameters, take in queries:
            cursor.execute(statement, parameters, prepare=True)
            if take is not None:
                take(cursor.fetchall())


async def run_queries_async(cursor: psycopg.AsyncCursor, queries: Iterable[Query]) -> None:
    """Run queries in order on a binary cursor; in autocommit mode, each commits separately."""
    for statement, parameters, take in queries:
        await cursor.execute(statement, parameters, prepare=True)
        if take is not None:
            take(await cursor.fetchall())

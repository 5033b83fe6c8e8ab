"""Queries as values, which can be run in a thread or on an event loop.

Decision lanes run queries on an event loop, all other code in threads. Code that yields queries,
such as the unit of work, is written once and serves both.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import psycopg


class Query(NamedTuple):
    """One statement with its parameters.

    Attributes:
        take: Receives the rows; None for a statement without rows.
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
    """Run queries in order on a binary cursor; in autocommit mode, each query commits."""
    for statement, parameters, take in queries:
        await cursor.execute(statement, parameters, prepare=True)
        if take is not None:
            take(await cursor.fetchall())

"""Queries, which run in a thread or on an event loop.

Decision lanes run them on the event loop, everything else in a thread. Both read and append in the
same way, so the statements and their order are written once, as queries.
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
    """Run queries one after the other, in the caller's transaction."""
    with connection.cursor(binary=True) as cursor:
        for statement, parameters, take in queries:
            cursor.execute(statement, parameters, prepare=True)
            if take is not None:
                take(cursor.fetchall())


async def run_queries_async(cursor: psycopg.AsyncCursor, queries: Iterable[Query]) -> None:
    """Run queries on a binary cursor one after the other; in autocommit mode each is a commit."""
    for statement, parameters, take in queries:
        await cursor.execute(statement, parameters, prepare=True)
        if take is not None:
            take(await cursor.fetchall())
